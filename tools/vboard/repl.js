// MicroPython's event-driven REPL, byte by byte, with the raw-paste mode that it lacks.

const CTRL_A = 1;
const CTRL_B = 2;
const CTRL_C = 3;
const CTRL_D = 4;
const CTRL_E = 5;
const RAW_BANNER = Buffer.from("raw REPL; CTRL-B to exit\r\n");
const PASTE_REQUEST = "\x05A"; // then Ctrl-A
const PASTE_WINDOW = 8192; // bytes the host may send for each Ctrl-A that it gets

export class Repl {
  #process;
  #readByte;
  #waiting;
  #send;
  #hidden = 0; // bytes of output still to hide
  #line = "";
  raw = false;

  /**
   * process: gives a byte to MicroPython's REPL; returns nonzero for a soft reset.
   * readByte: waits for a byte of input. waiting: how many there are. send: sends bytes.
   */
  constructor({ process, readByte, waiting, send }) {
    this.#process = process;
    this.#readByte = readByte;
    this.#waiting = waiting;
    this.#send = send;
  }

  /** Serves until somebody asks for a soft reset. */
  run() {
    while (!this.#take(this.#readByte()));
  }

  /** Enters raw mode, silently but for its banner. */
  enterRaw() {
    this.#process(CTRL_A);
  }

  /** Sees all console output; returns the part to send. */
  filter(bytes) {
    if (bytes.length === RAW_BANNER.length) this.raw ||= RAW_BANNER.equals(bytes);
    const hide = Math.min(this.#hidden, bytes.length);
    this.#hidden -= hide;
    return bytes.subarray(hide);
  }

  #take(byte) {
    if (!this.raw) return this.#process(byte);
    if (byte === CTRL_A && this.#line === PASTE_REQUEST) {
      this.#line = "";
      this.#process(CTRL_C); // the request is not a line of source
      return this.#paste();
    }
    if (byte === CTRL_B) this.raw = false;
    this.#line = byte < CTRL_E ? "" : (this.#line + String.fromCharCode(byte)).slice(0, 3);
    return this.#process(byte);
  }

  #paste() {
    const source = [];
    this.#send(Buffer.from([0x52, 1, PASTE_WINDOW & 0xff, PASTE_WINDOW >> 8, CTRL_A]));
    let byte;
    while ((byte = this.#readByte()) !== CTRL_D && byte !== CTRL_C) {
      source.push(byte);
      // Sooner than it needs to be: a client on TCP holds back its next bytes until these were
      // answered, or 40 ms have passed.
      if (this.#waiting() === 0) this.#send(Buffer.of(CTRL_A));
    }
    this.#send(Buffer.of(CTRL_D));
    if (byte === CTRL_C) source.length = 0;
    for (const each of source) this.#process(each);
    this.#process(0x0a); // an empty source would be a soft reset
    this.#hidden = "OK".length;
    return this.#process(CTRL_D);
  }
}
