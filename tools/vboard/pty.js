// The board's end of a pseudo-terminal as a stream to write to. Node's own would block the
// whole process when nobody reads the other end.

import fs from "node:fs";
import { Writable } from "node:stream";

const RETRY_MS = 5;

export class PtyOutput extends Writable {
  #fd;

  /** fd: non-blocking. */
  constructor(fd) {
    super();
    this.#fd = fd;
  }

  _write(bytes, encoding, done) {
    let n = 0;
    try {
      n = fs.writeSync(this.#fd, bytes);
    } catch (error) {
      if (error.code !== "EAGAIN") return done(error);
    }
    if (n === bytes.length) return done();
    setTimeout(() => this._write(bytes.subarray(n), encoding, done), RETRY_MS);
  }
}
