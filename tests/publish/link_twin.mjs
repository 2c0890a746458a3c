// The page's end of the link, for a test in Python: a list of calls in JSON on stdin, and a list of
// their results on stdout. Bytes are written in hexadecimal.

import fs from "node:fs";

const page = new URL(process.argv[2]);
const { crc16 } = await import(new URL("link/crc16.js", page));
const cobs = await import(new URL("link/cobs.js", page));
const frames = await import(new URL("link/frames.js", page));
const messages = await import(new URL("link/messages.js", page));
const { Audit, Change } = await import(new URL("link/requests.js", page));
const { parse, readStats } = await import(new URL("link/logfmt.js", page));

const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (data) => data && Buffer.from(data).toString("hex");
const item = ({ line, content }) => (line === undefined ? { content: hex(content) } : { line });

const CALLS = {
  crc16: (data) => crc16(bytes(data)),
  cobs: (data) => hex(cobs.encode(bytes(data))),
  uncobs: (data) => hex(cobs.decode(bytes(data))),
  frame: (data) => hex(frames.encode(bytes(data))),
  obeyed: (data) => frames.obeyedByARepl(bytes(data)),
  set: (request, pairs) => hex(messages.set(request, pairs)),
  audit: (index) => hex(messages.audit(index)),
  read: (data) => messages.read(bytes(data)),
  // What becomes of a request that is answered with these contents. The number in each is that of
  // the request where it is 0.
  request: (kind, contents) => {
    const request = kind === "change" ? new Change("who=anna") : new Audit();
    const steps = contents.map((data) => {
      const content = bytes(data);
      for (let at = 1; at < Math.min(4, content.length); at++) content[at] ^= request.content[at];
      const message = messages.read(content);
      try {
        return message !== null && request.receive(message);
      } catch (error) {
        return error.message;
      }
    });
    const { done, values = {}, trialS = 0, entries = [] } = request;
    return { steps, done, values: Object.keys(values), trialS, entries: entries.map(Object.keys) };
  },
  parse,
  stats: (line) => {
    try {
      return readStats(line);
    } catch (error) {
      return { error: error.message };
    }
  },
  // Pieces are bytes; a number is a silence of so many milliseconds.
  lines: (pieces) => {
    const reader = new frames.LineReader();
    const items = pieces.map((piece) =>
      typeof piece === "number" ? reader.idle(piece) : reader.feed(bytes(piece)),
    );
    return { items: items.map((each) => each.map(item)), bad: reader.bad };
  },
};

const calls = JSON.parse(fs.readFileSync(0, "utf8"));
console.log(JSON.stringify(calls.map(([name, ...values]) => CALLS[name](...values) ?? null)));
