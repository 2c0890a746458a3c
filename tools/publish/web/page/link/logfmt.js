// logfmt: the lines that a board prints for programs, and the statistics line among them.
// tools/serial/logfmt.py is the same in Python.

import { STATS } from "./tables.js";

// White space is that of ASCII, around the line too: what else a line holds is a value's.
const PAIR =
  /([A-Za-z]\w*)=(?:"((?:[^"\\]|\\[^\n])*)"|([^ \t\n\r\f\v"=]*))(?=[ \t\n\r\f\v]|$)[ \t\n\r\f\v]*/y;
const AROUND = /^[ \t\n\r\f\v]+|[ \t\n\r\f\v]+$/g;
const ESCAPE = /\\([^\n])/g;
const ESCAPED = { n: "\n", r: "\r", t: "\t" };

/** The pairs of `key=value key="quoted value"`, values unquoted. A line that is anything else, in
 * whole or in part, has no pairs. */
export function parse(line) {
  const text = line.replace(AROUND, "");
  const pairs = {};
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < text.length) {
    const pair = PAIR.exec(text); // sticky; on failure lastIndex is 0 again
    if (!pair) return {};
    const [, key, quoted, bare] = pair;
    pairs[key] = quoted === undefined ? bare : quoted.replace(ESCAPE, (_, c) => ESCAPED[c] ?? c);
  }
  return pairs;
}

/** The sample in a statistics line, as numbers (null: none); null for any other line. Throws an
 * Error that names the key when it is a statistics line but damaged. */
export function readStats(line) {
  const pairs = parse(line);
  if (pairs.event !== "stats") return null;
  return Object.fromEntries(STATS.map(([key, ...how]) => [key, value(key, pairs[key], ...how)]));
}

function value(key, text, { pattern, as, none }, always) {
  if (text === undefined) {
    if (!always) return null;
    throw new Error(`${key} is missing`);
  }
  if (text === none) return null;
  if (!pattern.test(text)) throw new Error(`${key}="${text}" is not a value that it can have`);
  if (as === "numbers") return text.split(",").map(Number);
  return as === "text" ? text : Number(text);
}
