// The board's processor, a worker: boots MicroPython, runs boot.py and main.py, then the REPL,
// until a soft reset ends it. It talks to the outside only through the two rings.

import fs from "node:fs";
import path from "node:path";
import { parentPort, workerData } from "node:worker_threads";

import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript";

import { EAGAIN, EINTR, numberOf } from "./errno.js";
import { Flash } from "./flash.js";
import { Memory } from "./memory.js";
import { Peripherals } from "./peripherals.js";
import { Repl } from "./repl.js";
import { Bell, Ring } from "./serial.js";

const CTRL_C = 3;
const FEED_MS = 20; // how often the watchdog is told at most
const PYSTACK = 4096; // words
const MAX_MEMORY = 256 * 1024 * 1024; // bytes: where the heap's growth ends in MemoryError
const [STDIN, STDOUT, STDERR, UART0, UART1] = [0, 1, 2, 1000, 1001];
const POLL = { IN: 1, OUT: 4 };

const received = new Ring(workerData.received);
const memory = new Memory();
const flash = new Flash(workerData.flash, workerData.rom, workerData.flashBytes, memory);
const peripherals = new Peripherals({
  received,
  sent: new Ring(workerData.sent),
  bell: new Bell(workerData.bell, () => parentPort.postMessage({ line: true })),
  uart1: workerData.uart1 && fs.openSync(workerData.uart1, "a"),
  uart1Input: workerData.uart1Input && fs.openSync(workerData.uart1Input, "r"),
});
const byte = new Uint8Array(1);
let fed = -Infinity; // when the watchdog was last told so
let micropython;

const repl = new Repl({
  process: (each) => micropython._module._mp_js_repl_process_char(each),
  readByte: () => {
    peripherals.waitInput();
    peripherals.receive([byte]);
    return byte[0];
  },
  waiting: () => peripherals.waiting(),
  send: (bytes) => peripherals.send(bytes),
});

/** Returns the bytes read, or the negative error number. */
function read(fd, buffers) {
  if (fd === STDIN) return peripherals.receiveSome(buffers) || -EINTR;
  if (fd === UART0) return peripherals.receiveAtOnce(buffers) || -EAGAIN;
  if (fd === UART1) return peripherals.receiveUart1(buffers) || -EAGAIN;
  return flash.read(fd, buffers);
}

function write(fd, buffers) {
  if (fd === STDOUT || fd === STDERR) {
    for (const bytes of buffers) peripherals.sendText(repl.filter(bytes));
  } else if (fd === UART0) {
    for (const bytes of buffers) peripherals.send(bytes);
    peripherals.poll();
  } else if (fd === UART1) {
    for (const bytes of buffers) peripherals.sendUart1(bytes);
  } else {
    return flash.write(fd, buffers);
  }
  return buffers.reduce((sum, bytes) => sum + bytes.length, 0);
}

/** A WASI call: returns 0 or the error number. */
function wasi(call) {
  return (...args) => {
    try {
      return call(...args);
    } catch (error) {
      return numberOf(error);
    }
  };
}

/** A read or write: stores how many bytes it was. */
function transfer(call) {
  return wasi((fd, at, count, into) => {
    const n = call(fd, memory.buffers(at, count));
    if (n < 0) return -n;
    memory.view.setUint32(into, n, true);
    return 0;
  });
}

function seek(fd, offset, whence, into) {
  memory.view.setBigInt64(into, BigInt(flash.seek(fd, Number(offset), whence)), true);
  return 0;
}

function close(fd) {
  if (fd !== UART0 && fd !== UART1) flash.close(fd);
  return 0;
}

/** What select.poll asks of a file: never waits. */
function poll(at, count) {
  let ready = 0;
  for (let i = at; i < at + 8 * count; i += 8) {
    const fd = memory.view.getInt32(i, true);
    const asked = memory.view.getInt16(i + 4, true);
    const waits =
      fd === STDIN || fd === UART0
        ? peripherals.waiting() === 0
        : fd === UART1 && peripherals.waitingUart1() === 0;
    const state = asked & (waits ? POLL.OUT : POLL.IN | POLL.OUT);
    memory.view.setInt16(i + 6, state, true);
    if (state) ready++;
  }
  return ready;
}

const imports = {
  env: { ...flash.systemCalls, __syscall_poll: poll, mp_js_ticks_ms: () => peripherals.ticksMs() },
  wasi_snapshot_preview1: {
    fd_read: transfer(read),
    fd_write: transfer(write),
    fd_seek: wasi(seek),
    fd_close: wasi(close),
    fd_sync: () => 0, // everything is written through
  },
};

/** Loads MicroPython with our imports in the place of Emscripten's, which it has no option for. */
async function load() {
  const instantiate = WebAssembly.instantiate;
  WebAssembly.instantiate = async (_, theirs) => {
    const { emscripten_resize_heap: grow } = theirs.env;
    for (const name in imports) Object.assign(theirs[name], imports[name]);
    theirs.env.emscripten_resize_heap = (bytes) => bytes <= MAX_MEMORY && grow(bytes);
    const instance = await instantiate(workerData.wasm, theirs);
    memory.attach(instance.exports.memory);
    return { instance };
  };
  try {
    return await loadMicroPython({ heapsize: workerData.heapBytes, pystack: PYSTACK });
  } finally {
    WebAssembly.instantiate = instantiate;
  }
}

/** Runs a file of the flash, if it is there; returns false when it asked for a soft reset. */
function runFile(name) {
  if (!fs.existsSync(path.join(workerData.flash, name))) return true;
  const { kbd_intr } = micropython.pyimport("micropython");
  try {
    kbd_intr(CTRL_C);
    micropython.pyimport("builtins").execfile(name);
  } catch (error) {
    if (error.name !== "PythonError") throw error;
    if (error.type === "SystemExit") return false;
    peripherals.sendText(Buffer.from(error.message));
  } finally {
    kbd_intr(-1);
    dropInterrupt();
  }
  return true;
}

/** A Ctrl-C that came too late for the program must not stop the next one. */
function dropInterrupt() {
  try {
    micropython.runPython("for _ in '-': pass");
  } catch (error) {
    if (error.type !== "KeyboardInterrupt") throw error;
  }
}

function boot() {
  const raw = micropython._module;
  peripherals.attach({
    interruptChar: () => raw._mp_hal_get_interrupt_char(),
    interrupt: () => raw._mp_sched_keyboard_interrupt(),
  });
  micropython.registerJsModule("_board", {
    idle: () => peripherals.idle(),
    watchdog: (ms) => {
      const now = performance.now();
      if (now - fed < FEED_MS) return; // a busy loop feeds thousands of times a second
      fed = now;
      parentPort.postMessage({ watchdog: ms });
    },
    lightSleep: (ms) => peripherals.lightSleep(ms),
    mask: (masked) => peripherals.mask(masked),
    reset: () => {
      parentPort.postMessage({ reset: true });
      for (;;) peripherals.halt();
    },
    sleep: (ms) => peripherals.sleep(ms),
    startTimer: (ms, periodic, callback) => peripherals.startTimer(ms, periodic, callback),
    stopTimer: (timer) => peripherals.stopTimer(timer),
    ticksUs: () => peripherals.ticksUs(),
    uniqueId: workerData.uniqueId,
    waiting: () => peripherals.waiting(),
    waitingUart1: () => peripherals.waitingUart1(),
  });
  micropython.runPython("import sys; sys.path.insert(1, '/rom'); import start; del sys, start");
  if (!runFile("boot.py")) return;
  if (!workerData.raw && !runFile("main.py")) return;
  raw._mp_js_repl_init();
  if (workerData.raw) repl.enterRaw();
  repl.run();
  peripherals.sendText(Buffer.from("MPY: soft reboot\n"));
}

micropython = await load();
boot();
parentPort.postMessage({ softReset: true, raw: repl.raw });
