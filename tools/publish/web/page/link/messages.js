// The contents of the frames that a console sends and hears: of the settings and the audit log.
// docs/link.md is the protocol.

import { AUDIT, CONFIRM, ENTRY, REFUSE, SET } from "./tables.js";

export { CONFIRM, ENTRY, REFUSE };

export const PERIOD = 1 << 24; // of the numbers of 3 bytes

const ascii = new TextEncoder();

/** The bytes as ASCII; what is none is replaced, where TextDecoder would take it for Windows-1252. */
function decode(bytes) {
  return String.fromCharCode(...bytes.map((byte) => Math.min(byte, 128))).replaceAll("\x80", "\ufffd");
}

function u24(number) {
  return [number & 0xff, (number >> 8) & 0xff, (number >> 16) & 0xff];
}

function u24At(content, at) {
  return content[at] | (content[at + 1] << 8) | (content[at + 2] << 16);
}

/** `83 request pairs`; pairs: `who=NAME key=value ...`, printable ASCII. */
export function set(request, pairs) {
  return Uint8Array.of(SET, ...u24(request), ...ascii.encode(pairs));
}

/** `85 index`. */
export function audit(index) {
  return Uint8Array.of(AUDIT, ...u24(index));
}

/** What a frame from the board says, or null when it is of no type known here, or malformed. */
export function read(content) {
  switch (content[0]) {
    case CONFIRM:
      return content.length < 7 ? null : readConfirm(content);
    case REFUSE:
      return content.length < 4 ? null : readRefuse(content);
    case ENTRY:
      return content.length < 10 ? null : readEntry(content);
    default:
      return null;
  }
}

function readConfirm(content) {
  return {
    type: CONFIRM,
    request: u24At(content, 1),
    trialS: content[4] | (content[5] << 8),
    keys: content[6],
    pairs: decode(content.subarray(7)),
  };
}

function readRefuse(content) {
  const [key = "", value = "", allowed = ""] = decode(content.subarray(4)).split("\n");
  return { type: REFUSE, request: u24At(content, 1), key, value, allowed };
}

function readEntry(content) {
  return {
    type: ENTRY,
    asked: u24At(content, 1),
    index: u24At(content, 4),
    end: u24At(content, 7),
    pairs: decode(content.subarray(10)),
  };
}
