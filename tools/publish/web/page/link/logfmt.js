// logfmt: the lines that a board prints for programs, and the statistics line among them.
// tools/serial/logfmt.py is the same in Python.

const PAIR = /([A-Za-z]\w*)=(?:"((?:[^"\\]|\\.)*)"|([^\s"=]*))(?=\s|$)\s*/y;
const ESCAPED = { n: "\n", r: "\r", t: "\t" };
const WHOLE = /^\d{1,15}$/;
const DECIMAL = /^\d{1,15}(?:\.\d{1,6})?$/;
const DECIMALS = ["mean_qps", "load"];
const COSTS = ["record", "bytes"];
const PERCENTILES = ["p50_ms", "p95_ms", "p99_ms"];
const STATS = [
  ["up_s", "qps", "mean_qps", "depth", "limit", "high_water", "capacity", "tokens", "rate"],
  ["per_ms", "burst", "cost", "admitted", "denied", "load", "rejected", "overwritten", "failed"],
  ["shed", "retried", "bad_frames", "strays", ...PERCENTILES],
].flat();
// What an older firmware does not say.
const NEWER = ["duplicates", "repeated", "watermark_ms", "backlog_bytes", "lag_ms", "sojourns"];
const WHOLES = /^\d{1,15}(?:,\d{1,15})*$/;

/** The pairs of `key=value key="quoted value"`, values unquoted. A line that is anything else, in
 * whole or in part, has no pairs. */
export function parse(line) {
  const text = line.trim();
  const pairs = {};
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < text.length) {
    const pair = PAIR.exec(text); // sticky; on failure lastIndex is 0 again
    if (!pair) return {};
    const [, key, quoted, bare] = pair;
    pairs[key] = quoted === undefined ? bare : quoted.replace(/\\(.)/g, (_, c) => ESCAPED[c] ?? c);
  }
  return pairs;
}

/** The sample in a statistics line, as numbers (null: none); null for any other line. Throws an
 * Error that names the key when it is a statistics line but damaged. */
export function readStats(line) {
  const pairs = parse(line);
  if (pairs.event !== "stats") return null;
  return Object.fromEntries([...STATS, ...NEWER].map((key) => [key, value(key, pairs[key])]));
}

function value(key, text) {
  if (text === undefined && NEWER.includes(key)) return null;
  if (text === undefined) throw new Error(`${key} is missing`);
  if ((key === "rate" && text === "none") || (PERCENTILES.includes(key) && text === "-1")) {
    return null;
  }
  if (key === "cost" && COSTS.includes(text)) return text;
  if (key === "sojourns" && WHOLES.test(text)) return text.split(",").map(Number);
  const pattern = DECIMALS.includes(key) ? DECIMAL : WHOLE;
  if (!pattern.test(text) || (key === "per_ms" && Number(text) === 0)) {
    throw new Error(`${key}="${text}" is not a value that it can have`);
  }
  return Number(text);
}
