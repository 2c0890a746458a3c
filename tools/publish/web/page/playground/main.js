// The playground's page: its controls, the worker that is the board, and what it says.

import { Chart, short } from "../chart.js";
import { tile, whole } from "../tile.js";
import { Editor } from "./editor.js";

const RESTARTS = ["capacity", "overflow", "controller"]; // what a program is built with
const SILENT_MS = 2000; // of a worker: then its program hangs
const SETTLE_MS = 200; // after the last move of a slider that restarts the run
const SPAN_S = 20;
const OUTPUT_MAX = 8_000; // characters
const PER_SECOND = 10; // samples

const $ = (id) => document.getElementById(id);
const controls = $("controls");
const output = $("output");
const editor = new Editor($("program"), $("gutter"));
const charts = makeCharts($("charts"));

let worker = null; // while a program runs
let original = ""; // the program as it came
let paused = false;
let heardAt = 0; // when the worker said something last
let before = null; // the sample before
let restart; // the timer of a restart
let pace = null; // real and virtual time that belong together

function makeCharts(host) {
  const group = "playground";
  const common = { group, span: SPAN_S };
  return {
    flow: new Chart(host, {
      ...common,
      title: "Flow",
      unit: "records a second",
      series: [
        { name: "arrivals", color: "--sky", fill: "--sky-fill", step: true },
        { name: "grants", color: "--blue", step: true },
        { name: "lost", color: "--red", fill: "--red", bars: true },
        { name: "rate", color: "--muted", dash: [5, 4], step: true },
      ],
    }),
    queue: new Chart(host, {
      ...common,
      title: "Queue",
      unit: "records that wait",
      series: [
        { name: "depth", color: "--green", fill: "--green-fill", step: true },
        { name: "limit", color: "--muted", dash: [5, 4], step: true },
      ],
    }),
    latency: new Chart(host, {
      ...common,
      title: "Latency",
      unit: "ms in the queue, over 250 ms",
      series: [
        { name: "p50", color: "--sky", step: true },
        { name: "p95", color: "--purple", step: true },
      ],
    }),
  };
}

/** What the controls say, by name. */
function settings() {
  const values = Object.fromEntries(new FormData(controls));
  for (const input of controls.querySelectorAll("[type=range]")) {
    values[input.name] = input.valueAsNumber;
  }
  return values;
}

function run() {
  end();
  clearTimeout(restart);
  clear();
  before = { ms: 0, offered: 0, granted: 0, lost: 0 };
  pace = null;
  showProblem("");
  heardAt = performance.now();
  worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
  worker.onmessage = ({ data }) => hear(data);
  worker.onerror = (event) => {
    event.preventDefault();
    end();
    showProblem(`The board could not be started: ${event.message || "a file is missing"}`);
    say("Ended", "off");
  };
  const seconds = Number($("seconds").value);
  const start = { program: editor.text, settings: settings(), speed: speed(), seconds };
  worker.postMessage({ start });
  say("Starting …");
}

function end() {
  worker?.terminate();
  worker = null;
  paused = false;
}

/** Nothing that an earlier run has shown stays: a program may end before it shows anything. */
function clear() {
  for (const chart of Object.values(charts)) chart.clear();
  for (const figure of $("tiles").querySelectorAll("dd")) tile(figure, "–");
  $("lost").classList.remove("bad");
  $("losses").textContent = "";
  output.textContent = "";
}

function speed() {
  return Number($("speed").value);
}

function hear({ ready, output: text, samples, ms, error, done }) {
  heardAt = performance.now();
  if (ready) say("Running", "on");
  if (text) print(text);
  if (samples) samples.forEach(show);
  if (samples && !paused) showPace(ms);
  if (error) {
    end();
    showProblem("The program has stopped with an error.", error);
    say("Stopped by an error", "off");
  }
  if (done) {
    end();
    say(done);
  }
}

function print(text) {
  const atEnd = output.scrollTop + output.clientHeight >= output.scrollHeight - 4;
  output.textContent = (output.textContent + text).slice(-OUTPUT_MAX);
  if (atEnd) output.scrollTop = output.scrollHeight;
}

/** How fast time passes, when that is not what was asked for. */
function showPace(ms) {
  const now = performance.now();
  if (!pace || now - pace.real > 2000) {
    if (pace) {
      const factor = (ms - pace.virtual) / (now - pace.real);
      const asAsked = speed() > 0 && factor > 0.9 * speed();
      say(asAsked ? "Running" : `Running at ${short(factor)} ×`, "on");
    }
    pace = { real: now, virtual: ms };
  }
}

function show(sample) {
  const lost = sample.rejected + sample.overwritten + sample.shed + sample.failed;
  const seconds = sample.ms / 1000;
  const a = (name, now) => (now - before[name]) * PER_SECOND;
  if (sample.ms > before.ms && sample.ms % (1000 / PER_SECOND) === 0) {
    const rate = sample.rate < 0 ? null : sample.rate;
    const flows = [a("offered", sample.offered), a("granted", sample.granted), a("lost", lost)];
    charts.flow.add(seconds, [...flows, rate]);
    charts.queue.add(seconds, [sample.depth, sample.limit]);
    charts.latency.add(seconds, [sample.p50, sample.p95].map((ms) => (ms < 0 ? null : ms)));
    before = { ...sample, lost };
  }
  for (const name of ["offered", "granted", "depth", "tokens"]) {
    tile($(name), whole(sample[name]));
  }
  const share = sample.offered ? (100 * lost) / sample.offered : 0;
  tile($("lost"), whole(lost), lost ? `${short(share)} %` : "");
  tile($("clock"), seconds.toFixed(1), "s");
  $("lost").classList.toggle("bad", lost > 0);
  const { rejected, overwritten, shed, failed } = sample;
  $("losses").textContent = lost
    ? `Lost: ${whole(rejected)} rejected, ${whole(overwritten)} overwritten, ` +
      `${whole(shed)} shed, ${whole(failed)} given up.`
    : "Nothing has been lost so far.";
}

/** In one line, with the traceback, if there is one. */
function showProblem(line, traceback = "") {
  const problem = $("problem");
  problem.textContent = line;
  editor.mark(null);
  if (!traceback) return;
  problem.append(Object.assign(document.createElement("pre"), { textContent: traceback.trim() }));
  const lines = [...traceback.matchAll(/File "program\.py", line (\d+)/g)];
  if (lines.length > 0) editor.mark(Number(lines.at(-1)[1]));
}

function say(text, look = "") {
  const state = $("state");
  if (state.textContent !== text) state.textContent = text;
  state.className = `state ${look}`;
  const runs = worker !== null;
  $("run").textContent = runs ? "Restart" : "Run";
  $("pause").disabled = $("stop").disabled = !runs;
  $("pause").textContent = paused ? "Resume" : "Pause";
}

function pause() {
  paused = !paused;
  pace = null;
  worker.postMessage({ paused });
  say(paused ? "Paused" : "Running", paused ? "" : "on");
}

function stop() {
  end();
  say("Stopped");
}

function label(input) {
  const shown = controls.querySelector(`output[for=${input.name}]`);
  if (!shown) return;
  const { unit, zero } = input.dataset;
  const value = input.value === "0" && zero ? zero : `${input.value} ${unit}`;
  shown.textContent = value;
  input.setAttribute("aria-valuetext", value);
}

function labelAll() {
  for (const input of controls.querySelectorAll("[type=range]")) label(input);
}

controls.addEventListener("input", ({ target }) => {
  label(target);
  clearTimeout(restart);
  if (RESTARTS.includes(target.name)) restart = setTimeout(run, SETTLE_MS);
  else worker?.postMessage({ settings: settings() });
});
controls.addEventListener("submit", (event) => event.preventDefault());
$("run").addEventListener("click", run);
$("apply").addEventListener("click", run);
$("pause").addEventListener("click", pause);
$("stop").addEventListener("click", stop);
$("speed").addEventListener("change", () => worker?.postMessage({ speed: speed() }));
$("seconds").addEventListener("change", run);
$("restore").addEventListener("click", () => {
  editor.text = original;
  controls.reset();
  labelAll();
  run();
});
editor.onRun = run;
labelAll();
setInterval(() => {
  if (worker && performance.now() - heardAt > SILENT_MS) {
    say("The program does not answer; Stop ends it", "off");
  }
}, 500);

output.dataset.empty = "What the program prints appears here.";
original = await (await fetch(new URL("board/program.py", import.meta.url))).text();
editor.text = original;
run();
