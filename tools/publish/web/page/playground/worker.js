// The playground's board: MicroPython, the firmware's modules and the program, on virtual time.
//
// Takes {start: {program, settings, speed, seconds}} once, then {settings}, {speed} and {paused}.
// Says {ready}, {output} (console text), {samples} (see FIELDS), {error} (a traceback) and {done}
// (why). While it lives it says {samples} after each slice; a program that never returns says
// nothing, and is ended from outside, by terminating this worker.

import { loadMicroPython } from "../micropython/micropython.mjs";
import { Arrivals } from "./arrivals.js";

const SLICE_MS = 25; // of real time, until messages are looked at
const MOST_BEHIND_MS = 250; // then time that was missed is given up
const FASTEST_US = 1_000_000; // of virtual time in a slice, when as fast as possible
const HEAP = 4 * 1024 * 1024;
const MAX_MEMORY = 64 * 1024 * 1024; // where the heap's growth ends in MemoryError
const PRINT_MS = 250; // between two messages with what the program prints
const PRINT_MAX = 8_000; // characters in one; what is before them is lost
const PYSTACK = 8192; // words
const FIELDS = [
  ["ms", "offered", "granted", "depth", "limit", "p50", "p95"],
  ["rejected", "overwritten", "shed", "failed", "tokens", "rate"],
].flat();

let settings;
let speed;
let endUs;
let paused = false;
let running; // the board of playground.py, once there is a program
let samples = [];
let printed = "";
let printedAt = 0;
let sliceEnd = 0;
let nowUs = 0;
let origin; // real and virtual time that belong together

self.onmessage = async ({ data }) => {
  if (data.start) await start(data.start).catch(fail);
  if (data.settings) change(data.settings);
  if (data.speed !== undefined) speed = data.speed;
  if (data.paused !== undefined) paused = data.paused;
  origin = null;
};

async function start({ program, ...given }) {
  ({ settings, speed } = given);
  endUs = given.seconds * 1e6;
  const micropython = await boot();
  self.postMessage({ ready: true });
  micropython.FS.writeFile("/program.py", program);
  guarded(() => {
    micropython.pyimport("builtins").execfile("program.py");
    const { board } = micropython.pyimport("playground");
    if (board.start()) {
      running = board;
      slice();
    } else {
      tell();
      self.postMessage({ done: "The program has ended. It did not call run()." });
    }
  });
}

async function boot() {
  const arrivals = new Arrivals({
    get pattern() {
      return settings.pattern;
    },
    get arrivals() {
      return settings.arrivals;
    },
  });
  limitMemory();
  const [micropython, files] = await Promise.all([
    loadMicroPython({ heapsize: HEAP, pystack: PYSTACK, stdout: print, stderr: print }),
    firmware(),
  ]);
  for (const [path, source] of files) {
    micropython.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")) || "/");
    micropython.FS.writeFile(path, source);
  }
  micropython.registerJsModule("_page", {
    next_arrival: () => arrivals.next(),
    sample: (...values) =>
      samples.push(Object.fromEntries(FIELDS.map((name, at) => [name, values[at]]))),
    setting: (name) => {
      if (!(name in settings)) throw new Error(`there is no setting ${name}`);
      return settings[name];
    },
    waits: () => performance.now() > sliceEnd,
  });
  micropython.runPython("import os, sys; os.chdir('/'); sys.path.insert(0, '')");
  return micropython;
}

/** Bounds the machine's memory, for which loadMicroPython has no option. */
function limitMemory() {
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const instantiate = WebAssembly[name];
    WebAssembly[name] = (source, imports) => {
      const { emscripten_resize_heap: grow } = imports.env;
      imports.env.emscripten_resize_heap = (bytes) => bytes <= MAX_MEMORY && grow(bytes);
      return instantiate.call(WebAssembly, source, imports);
    };
  }
}

/** Keeps a line for the page; a program that prints without end must not keep the page busy. */
function print(line) {
  printed = `${printed}${line}\n`.slice(-PRINT_MAX);
  if (performance.now() - printedAt > PRINT_MS) tellOutput();
}

function tellOutput() {
  if (printed) self.postMessage({ output: printed });
  printed = "";
  printedAt = performance.now();
}

/** The files of the firmware and of the playground, as [path on the board, source]. */
async function firmware() {
  const names = await (await fetch("../firmware.json")).json();
  const urls = names.map((name) => [`/${name}`, `../firmware/${name}`]);
  urls.push(["/playground.py", "board/playground.py"]);
  return Promise.all(
    urls.map(async ([path, url]) => {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(`${url}: ${answer.status} ${answer.statusText}`);
      return [path, await answer.text()];
    }),
  );
}

function change(changed) {
  Object.assign(settings, changed);
  if (running) guarded(() => running.changed());
}

function slice() {
  guarded(() => {
    const now = performance.now();
    sliceEnd = now + SLICE_MS;
    if (!paused) advance(now);
    if (endUs && nowUs >= endUs) {
      running.finish();
      tell();
      self.postMessage({ done: "The time is over." });
      return;
    }
    tell();
    setTimeout(slice, paused || speed > 0 ? SLICE_MS : 0);
  });
}

function advance(now) {
  origin ??= { real: now, virtual: nowUs };
  const wanted = speed > 0 ? origin.virtual + (now - origin.real) * speed * 1000 : nowUs + FASTEST_US;
  const until = Math.round(endUs ? Math.min(wanted, endUs) : wanted);
  nowUs = running.advance(until);
  if (speed > 0 && (until - nowUs) / 1000 / speed > MOST_BEHIND_MS) origin = null;
}

function tell() {
  tellOutput();
  self.postMessage({ samples, ms: nowUs / 1000 });
  samples = [];
}

/** Runs what may meet an error of the program's, which is the page's to show. */
function guarded(run) {
  try {
    run();
  } catch (error) {
    fail(error);
  }
}

/** Says why the program does not go on: an error of its own, or the machine's end. */
function fail(error) {
  tell();
  const own = error.name === "PythonError";
  self.postMessage({ error: own ? error.message : `MicroPython cannot continue: ${error.message}` });
}
