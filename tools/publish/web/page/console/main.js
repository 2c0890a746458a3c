// The console's page: a board's figures, its settings, its audit log, its other lines.

import { Chart, short } from "../chart.js";
import { readStats } from "../link/logfmt.js";
import { Audit, Change, PAIRS_MAX } from "../link/requests.js";
import { tile, whole } from "../tile.js";
import { Board } from "./board.js";
import { checkWho, SettingsForm } from "./settings.js";

const SPAN_S = 60;
const LINES_MAX = 500;
const SETTLE_MS = 300; // after the last of several lines about a change
const AUDITED = /^event=(changed|on_trial|kept|rolled_back|superseded) /;
const RESET = /^event=start /;

const $ = (id) => document.getElementById(id);
const form = new SettingsForm($("limits"), $("control"));
const charts = makeCharts($("charts"));
const lines = []; // the last of the console

let board;
let since = null; // when the first statistics came; this time goes on over a reset of the board
let audited; // the timer of a look at what was changed

function makeCharts(host) {
  const common = { group: "console", span: SPAN_S };
  return {
    qps: new Chart(host, {
      ...common,
      title: "QPS",
      unit: "records a second",
      series: [
        { name: "QPS", color: "--blue" },
        { name: "rate", color: "--muted", dash: [5, 4], step: true },
      ],
    }),
    queue: new Chart(host, {
      ...common,
      title: "Queue",
      unit: "records that wait",
      series: [
        { name: "depth", color: "--green", fill: "--green-fill" },
        { name: "limit", color: "--muted", dash: [5, 4], step: true },
      ],
    }),
    latency: new Chart(host, {
      ...common,
      title: "Latency",
      unit: "ms in the queue",
      series: [
        { name: "p50", color: "--sky" },
        { name: "p95", color: "--purple" },
        { name: "p99", color: "--red" },
      ],
    }),
  };
}

async function connect() {
  try {
    await board.choose(Number($("baud").value));
  } catch (error) {
    say(`The port cannot be opened: ${error.message}`, "off");
  }
}

function isUp() {
  say("Connected", "on");
  log("connected");
  void readSettings();
}

function isDown(reason) {
  say(reason || "Not connected", reason ? "off" : "");
  log(reason || "disconnected");
}

async function readSettings() {
  const request = new Change("who=page");
  try {
    await board.ask(request);
    showSettings(request);
    await readAudit();
  } catch (error) {
    answer(error.message, true);
  }
}

async function readAudit() {
  const request = new Audit();
  await board.ask(request);
  const { entries } = request;
  $("audit").hidden = entries.length === 0;
  $("audit-empty").hidden = entries.length > 0;
  $("audit-empty").textContent = "Nothing has been changed since the board started.";
  $("entries").replaceChildren(...entries.reverse().map(row));
}

function row({ up_s: up, who, event, key, old, new: now }) {
  const cells = [uptime(Number(up)), who, event.replace("_", " "), key, `${old} → ${now}`];
  const element = document.createElement("tr");
  element.append(
    ...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })),
  );
  return element;
}

function showSettings({ values, trialS }) {
  form.show(values);
  $("settings").hidden = false;
  $("settings-empty").hidden = true;
  $("trial").textContent = trialS ? `On trial for ${trialS} s more.` : "";
}

async function apply(event) {
  event.preventDefault();
  const who = $("who").value.trim();
  const how = $("how").value;
  try {
    checkWho(who);
    const edits = form.edits();
    if (edits.length === 0 && how !== "keep") throw new Error("No value was edited.");
    const asks = how === "keep" ? ["keep=1"] : how === "now" ? [] : [`trial_s=${how}`];
    const pairs = [`who=${who}`, ...asks, ...edits].join(" ");
    if (pairs.length > PAIRS_MAX) throw new Error("Too many edits for one request.");
    const request = new Change(pairs);
    await board.ask(request);
    form.undo(); // the edits are the board's now
    showSettings(request);
    answer(`In force: ${edits.join(", ") || "what was before"}${keptOrTried(how)}.`);
  } catch (error) {
    const refused = error.name === "Refused";
    answer(refused ? `The board refuses: ${error.message}` : error.message, true);
  }
}

function keptOrTried(how) {
  if (how === "keep") return ", and kept after a reset";
  return how === "now" ? "" : `, on trial for ${how} s`;
}

function answer(text, bad = false) {
  $("answer").hidden = false;
  $("answer").className = bad ? "notice bad" : "notice";
  $("answer").textContent = text;
}

function hear(line) {
  let stats = null;
  try {
    stats = readStats(line);
  } catch (error) {
    log(`damaged stats line, ${error.message}: ${line}`);
    return;
  }
  if (stats) {
    show(stats);
    return;
  }
  if (line.trim() === "") return;
  log(line);
  if (RESET.test(line)) void readSettings();
  if (AUDITED.test(line)) {
    clearTimeout(audited);
    audited = setTimeout(readSettings, SETTLE_MS);
  }
}

function show(stats) {
  since ??= performance.now();
  const clock = (performance.now() - since) / 1000;
  const granted = (stats.part ?? 1024) / 1024; // what a fleet's watermark leaves of it
  const perS = stats.rate === null ? null : ((stats.rate * 1000) / stats.per_ms) * granted;
  const limit = stats.cost === "record" ? perS : null;
  charts.qps.add(clock, [stats.qps, limit]);
  charts.queue.add(clock, [stats.depth, stats.limit]);
  charts.latency.add(clock, [stats.p50_ms, stats.p95_ms, stats.p99_ms]);
  tile($("qps"), whole(stats.qps), rateText(stats, perS));
  tile($("depth"), whole(stats.depth), `of ${whole(stats.limit)}`);
  tile($("p95"), stats.p95_ms === null ? "–" : whole(stats.p95_ms), stats.p95_ms === null ? "" : "ms");
  tile($("tokens"), whole(stats.tokens), `of ${whole(stats.burst)}`);
  const { rejected, overwritten, shed, failed } = stats;
  tile($("lost"), whole(rejected + overwritten + shed + failed));
  $("lost").classList.toggle("bad", rejected + overwritten + shed + failed > 0);
  tile($("up"), uptime(stats.up_s));
  $("losses").textContent =
    `${whole(stats.admitted)} records granted, ${short(100 * stats.load)} % load. Lost: ` +
    `${whole(rejected)} rejected, ${whole(overwritten)} overwritten, ${whole(shed)} shed, ` +
    `${whole(failed)} given up.`;
}

function rateText({ cost }, perS) {
  if (perS === null) return "unlimited";
  return `of ${short(perS)}${cost === "bytes" ? " bytes/s" : ""}`;
}

function uptime(seconds) {
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  const days = Math.floor(seconds / 86400);
  const clock = `${two((seconds % 86400) / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
  return days ? `${days}d ${clock}` : clock;
}

/** A line of the console, every character of it printable. */
function log(line) {
  const element = $("lines");
  const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - 4;
  const printable = line.replace(/[^\P{C}\t]/gu, (char) => `\\x${char.codePointAt(0).toString(16)}`);
  lines.push(`${new Date().toTimeString().slice(0, 8)}  ${printable}\n`);
  if (lines.length > LINES_MAX) lines.shift();
  element.textContent = lines.join("");
  if (atEnd) element.scrollTop = element.scrollHeight;
}

function say(text, look) {
  const focused = document.activeElement;
  $("state").textContent = text;
  $("state").className = `state ${look}`;
  $("connect").disabled = $("baud").disabled = board.open;
  for (const id of ["disconnect", "refresh", "apply"]) $(id).disabled = !board.open;
  // Who has pressed one of the two with the keyboard goes on at the other.
  if (focused === $("connect") && board.open) $("disconnect").focus();
  if (focused === $("disconnect") && !board.open) $("connect").focus();
}

if (navigator.serial) {
  board = new Board({ onLine: hear, onUp: isUp, onDown: isDown });
  $("connect").addEventListener("click", connect);
  $("disconnect").addEventListener("click", () => board.close());
  $("refresh").addEventListener("click", readSettings);
  $("form").addEventListener("submit", apply);
  $("undo").addEventListener("click", (event) => {
    event.preventDefault();
    form.undo();
    $("answer").hidden = true;
  });
} else {
  $("unable").hidden = false;
  $("connect").disabled = $("baud").disabled = true;
}
