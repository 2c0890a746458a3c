// Consistent overhead byte stuffing (Cheshire and Baker, 1997): bytes without a zero among them.

const LONGEST = 0xff; // a block of 254 bytes that no zero follows

/** The bytes, none of them zero. */
export function encode(bytes) {
  const out = [0];
  let code = 0; // where the present block's code stands
  for (const byte of bytes) {
    if (out.length - code === LONGEST) {
      out[code] = LONGEST;
      code = out.push(0) - 1;
    }
    if (byte !== 0) {
      out.push(byte);
    } else {
      out[code] = out.length - code;
      code = out.push(0) - 1;
    }
  }
  out[code] = out.length - code;
  return Uint8Array.from(out);
}

/** What was encoded, or null when it was not that, or is cut off. */
export function decode(bytes) {
  const out = [];
  let at = 0;
  while (at < bytes.length) {
    const end = at + bytes[at];
    if (bytes[at] === 0 || end > bytes.length) return null;
    const block = bytes.subarray(at + 1, end);
    if (block.includes(0)) return null;
    for (const byte of block) out.push(byte);
    if (bytes[at] !== LONGEST && end < bytes.length) out.push(0);
    at = end;
  }
  return Uint8Array.from(out);
}
