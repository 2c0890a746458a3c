// The virtual board's process: owns the outside end of the serial line, runs the processor in a
// worker and starts it again after a reset. Started by board.py; ends when its stdin ends.
//
// Argument: JSON {port | ptyFd, flash, flashBytes, heapBytes, uart1, uart1Input}. stdin: "reset"
// lines. stdout: "ready PORT" once (0 on a pty), then "reset" after each reset that stdin asked for.

import { createHash } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import readline from "node:readline";
import { setTimeout } from "node:timers/promises";
import tty from "node:tty";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import { Line } from "./line.js";
import { PtyOutput } from "./pty.js";
import { Bell, Ring } from "./serial.js";

const GONE = { everyMs: 10, times: 30 }; // to look whether the client before is leaving
const IN_USE = "this board is in use by another client; a serial line has one at a time\r\n";

const { port, ptyFd, ...setup } = JSON.parse(process.argv[2]);
const here = path.dirname(fileURLToPath(import.meta.url));
const wasmFile = import.meta.resolve(
  "@micropython/micropython-webassembly-pyscript/micropython.wasm",
);
const wasm = await WebAssembly.compile(fs.readFileSync(fileURLToPath(wasmFile)));
const uniqueId = [...createHash("sha256").update(setup.flash).digest().subarray(0, 8)];

const line = new Line();
let worker;
let memories;
let watchdog; // the timer that presses the reset button, if nothing feeds it
let turn = Promise.resolve(); // resets happen one after the other

/** Power on: nothing is left of what was on the line. */
function powerOn() {
  clearTimeout(watchdog);
  memories = { received: Ring.memory(), sent: Ring.memory(), bell: Bell.memory() };
  line.connect(new Ring(memories.received), new Ring(memories.sent), new Bell(memories.bell));
  startProcessor(false);
}

/** raw: the REPL starts in raw mode, without main.py, as after a soft reset from there. */
function startProcessor(raw) {
  const started = new Worker(path.join(here, "processor.js"), {
    workerData: { ...setup, ...memories, wasm, uniqueId, raw, rom: path.join(here, "rom") },
  });
  worker = started;
  started.on("message", (message) => {
    if (started !== worker) return; // said just before a reset
    if (message.line) line.serve();
    else if (message.watchdog) feed(message.watchdog);
    else inTurn(() => started === worker && restart(message));
  });
  started.on("error", (error) => {
    console.error(`the processor stopped: ${error.stack}`);
    process.exit(1);
  });
}

/** A soft reset does not stop the watchdog, as on a board. */
function feed(ms) {
  clearTimeout(watchdog);
  watchdog = globalThis.setTimeout(() => inTurn(() => restart({ softReset: false })), ms);
}

function inTurn(step) {
  turn = turn.then(step);
}

/** A soft reset keeps what is on the line and the REPL's mode, a hard one nothing. */
async function restart({ softReset, raw }) {
  const stopped = worker;
  worker = undefined;
  await stopped.terminate();
  line.serve(); // what it sent last
  if (softReset) startProcessor(raw);
  else powerOn();
}

async function accept(client) {
  client.on("error", () => client.destroy()); // it was cut off
  for (let i = 0; line.client && i < GONE.times; i++) await setTimeout(GONE.everyMs);
  if (line.client) {
    client.resume(); // or what it has sent would make closing a reset
    client.end(IN_USE);
  } else {
    client.setNoDelay();
    line.attach(client, client);
  }
}

powerOn();
if (ptyFd === undefined) {
  const server = net.createServer({ pauseOnConnect: true }, accept);
  server.on("error", (error) => {
    console.error(error.code === "EADDRINUSE" ? `port ${port} is in use` : error.message);
    process.exit(1);
  });
  server.listen(port, "127.0.0.1", () => console.log(`ready ${server.address().port}`));
} else {
  line.attach(new tty.ReadStream(ptyFd), new PtyOutput(ptyFd));
  console.log("ready 0");
}

const control = readline.createInterface({ input: process.stdin });
control.on("line", () =>
  inTurn(async () => {
    await restart({ softReset: false });
    console.log("reset");
  }),
);
control.on("close", () => process.exit(0));
