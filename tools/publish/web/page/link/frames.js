// The serial line's two voices: console text and binary frames. docs/link.md is the protocol,
// tools/serial/frames.py the same in Python.

import * as cobs from "./cobs.js";
import { crc16 } from "./crc16.js";

/** Bytes of content that a frame to a board can carry; one from it can carry one more. */
export const CONTENT_MAX = 250;

/** After so much silence a text without its newline counts as a line: a prompt, for example. */
export const TEXT_SILENCE_MS = 100;

/** After so much silence an unfinished frame is given up. */
export const FRAME_SILENCE_MS = 1000;

const CTRL_C = 3;
const ENCODED_MAX = CONTENT_MAX + 4;
const LINE_MAX = 4096;
const REPL_CONTROLS = [1, 2, 3, 4, 5, 10, 13];
const NEWLINE = 10;

/** The bytes on the line for a frame to a board with this content of 1 to 250 bytes. */
export function encode(content) {
  if (content.length < 1 || content.length > CONTENT_MAX) {
    throw new RangeError(`a frame carries 1 to ${CONTENT_MAX} bytes, not ${content.length}`);
  }
  const crc = crc16(content);
  const checked = cobs.encode(Uint8Array.of(...content, crc & 0xff, crc >> 8));
  return Uint8Array.of(0, ...withoutCtrlC(checked), 0);
}

/** Each 03 replaced by the distance to the one before it, and a last byte with that to the last.
 * A distance above 2 is written one higher, so that none is 03. */
function withoutCtrlC(bytes) {
  const out = [...bytes];
  let before = -1;
  bytes.forEach((byte, at) => {
    if (byte !== CTRL_C) return;
    out[at] = distance(at - before);
    before = at;
  });
  out.push(distance(bytes.length - before));
  return out;
}

function distance(count) {
  return count < CTRL_C ? count : count + 1;
}

/** Whether a REPL, should no Sluice run on the board, would do more with the frame than echo. */
export function obeyedByARepl(content) {
  return encode(content).some((byte) => REPL_CONTROLS.includes(byte));
}

/**
 * Takes what the board sent, in pieces of any size, and gives its lines and frames apart, as
 * {line} and {content}. Takes any bytes and never throws. It may start in the middle of a line or
 * a frame: what it reads first passes for a frame until it proves to be text.
 */
export class LineReader {
  #inFrame = true;
  #frame = [];
  #line = [];

  /** Frames dropped so far: damaged, cut off or overlong. */
  bad = 0;

  /** The lines and frames that the bytes complete, in the order of their ends. */
  feed(bytes) {
    const items = [];
    for (const byte of bytes) {
      if (!this.#inFrame) this.#text(byte, items);
      else if (byte === 0) this.#closeFrame(items);
      else if (this.#frame.push(byte) > ENCODED_MAX) this.#giveUpFrame(items);
    }
    return items;
  }

  /** What the silence completes, when nothing has come for so long. */
  idle(silenceMs) {
    const items = [];
    if (silenceMs < TEXT_SILENCE_MS) return items;
    const late = silenceMs >= FRAME_SILENCE_MS;
    if (this.#inFrame && (late || (this.#frame.length > 0 && isText(this.#frame)))) {
      this.#giveUpFrame(items);
    }
    if (this.#line.length > 0) this.#endLine(items);
    return items;
  }

  #text(byte, items) {
    if (byte === 0) this.#inFrame = true;
    else this.#addText([byte], items);
  }

  #closeFrame(items) {
    const frame = this.#frame;
    this.#frame = [];
    if (frame.length === 0) return;
    const content = open(Uint8Array.from(frame));
    if (content) {
      items.push({ content });
      this.#inFrame = false;
    } else if (frame.at(-1) === NEWLINE && isText(frame)) {
      this.#addText(frame, items);
    } else {
      this.bad += 1;
    }
  }

  #giveUpFrame(items) {
    const frame = this.#frame;
    this.#frame = [];
    this.#inFrame = false;
    if (isText(frame)) this.#addText(frame, items);
    else this.bad += 1;
  }

  #addText(bytes, items) {
    for (const byte of bytes) {
      if (byte === NEWLINE) this.#endLine(items);
      else if (this.#line.push(byte) > LINE_MAX) this.#splitLine(items);
    }
  }

  /** Gives up what is full, and keeps the byte that did not fit. */
  #splitLine(items) {
    const byte = this.#line.pop();
    this.#endLine(items);
    this.#line.push(byte);
  }

  #endLine(items) {
    const line = this.#line;
    this.#line = [];
    if (line.at(-1) === 13) line.pop();
    items.push({ line: new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(line)) });
  }
}

function open(frame) {
  const decoded = cobs.decode(frame);
  if (!decoded || decoded.length < 3) return null;
  const content = decoded.subarray(0, -2);
  const [low, high] = decoded.subarray(-2);
  return crc16(content) === (low | (high << 8)) ? content : null;
}

/** Whether the bytes, which may stop inside a character, are what a console prints. */
function isText(bytes) {
  let text;
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    text = decoder.decode(Uint8Array.from(bytes), { stream: true });
  } catch {
    return false;
  }
  return !/[^\P{C}\b\t\n\r\x1b]/u.test(text) && !/[^\P{Z} ]/u.test(text);
}
