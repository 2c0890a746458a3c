// What the processor is wired to: the serial line, the second UART, the clock and the timers.
// The program polls them itself: everything that it calls here lets Ctrl-C and timers through.

import fs from "node:fs";

const TICKS_MASK = 0x3fffffff;
const IDLE = { leastMs: 1, mostMs: 10, share: 0.02 };
const CTRL_C = 3;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

export class Peripherals {
  #received; // Ring: from outside
  #sent; // Ring: to outside
  #bell; // calls the outside to the rings
  #uart1; // file descriptor, or undefined
  #uart1Input; // the same, of what comes in
  #uart1Taken = 0; // bytes of it that were taken, or were there before
  #interruptChar; // () => the byte that stops the program, or -1
  #interrupt; // () => raises KeyboardInterrupt in the program
  #seen; // `received.written` when it was last looked through for that byte
  #timers = new Set();
  #nextDue = Infinity;
  #masked = false;
  #lastEvent = performance.now(); // when bytes last went in or out, or a timer fired
  #lastByte; // of the text sent
  #ended = false; // the last bytes received ended with a Ctrl-C

  constructor({ received, sent, bell, uart1, uart1Input }) {
    this.#received = received;
    this.#sent = sent;
    this.#bell = bell;
    this.#uart1 = uart1;
    this.#uart1Input = uart1Input;
    if (uart1Input !== undefined) this.#uart1Taken = fs.fstatSync(uart1Input).size;
  }

  attach({ interruptChar, interrupt }) {
    this.#interruptChar = interruptChar;
    this.#interrupt = interrupt;
  }

  /** How many bytes there are to receive. */
  waiting() {
    this.poll();
    return this.#received.waiting;
  }

  /** Lets Ctrl-C and due timers through; returns whether the program was interrupted. */
  poll() {
    let interrupted = false;
    if (this.#received.written !== this.#seen) {
      const byte = this.#interruptChar();
      if (byte >= 0) {
        this.#seen = this.#received.written;
        interrupted = this.#received.dropThrough(byte);
        // A program that reads nothing must not shut out Ctrl-C: like a UART, overflow.
        if (this.#received.full) this.#received.clear();
        if (this.#received.relieved) this.#bell.ring();
        if (interrupted) this.#interrupt();
      }
    }
    if (performance.now() >= this.#nextDue && !this.#masked) this.#fire();
    return interrupted;
  }

  /**
   * Moves the bytes that there are into `buffers`; returns how many. A Ctrl-C is the last one:
   * if it ends the program that reads it, what follows is for the REPL.
   */
  receive(buffers) {
    this.poll();
    let total = 0;
    for (const buffer of buffers) {
      const n = this.#received.readInto(buffer, CTRL_C);
      if (this.#received.relieved) this.#bell.ring();
      total += n;
      this.#ended = n > 0 && buffer[n - 1] === CTRL_C;
      if (n < buffer.length || this.#ended) break;
    }
    if (total > 0) this.#lastEvent = performance.now();
    return total;
  }

  /** The same for a stream whose `readinto` asks again until its buffer is full: 0 to end it. */
  receiveAtOnce(buffers) {
    const ended = this.#ended;
    this.#ended = false;
    return ended ? 0 : this.receive(buffers);
  }

  /** Waits for input, as sys.stdin does; returns how much came, 0 when interrupted. */
  receiveSome(buffers) {
    for (;;) {
      if (this.poll()) return 0;
      const seen = this.#received.written;
      const n = this.receive(buffers);
      if (n > 0) return n;
      this.#wait(seen, Infinity);
    }
  }

  /** Waits until there is input; timers run meanwhile. */
  waitInput() {
    for (;;) {
      const seen = this.#received.written;
      if (this.#received.waiting > 0) return;
      this.poll();
      this.#wait(seen, Infinity);
    }
  }

  send(bytes) {
    this.#lastEvent = performance.now();
    while (bytes.length > 0) {
      const n = this.#sent.write(bytes);
      this.#bell.ring();
      bytes = bytes.subarray(n);
      if (bytes.length > 0) this.#sent.waitRoom();
    }
  }

  /** Sends text of the console: every line end becomes \r\n. */
  sendText(text) {
    const bytes = [];
    for (const byte of text) {
      if (byte === LINE_FEED && this.#lastByte !== CARRIAGE_RETURN) bytes.push(CARRIAGE_RETURN);
      bytes.push(byte);
      this.#lastByte = byte;
    }
    this.send(Uint8Array.from(bytes));
    this.poll();
  }

  sendUart1(bytes) {
    this.#lastEvent = performance.now();
    if (this.#uart1 !== undefined) fs.writeSync(this.#uart1, bytes);
    this.poll();
  }

  /** How many bytes there are to receive on UART(1). */
  waitingUart1() {
    this.poll();
    if (this.#uart1Input === undefined) return 0;
    return fs.fstatSync(this.#uart1Input).size - this.#uart1Taken;
  }

  /** Moves those that there are into `buffers`; returns how many. */
  receiveUart1(buffers) {
    this.poll();
    if (this.#uart1Input === undefined) return 0;
    let total = 0;
    for (const buffer of buffers) {
      const n = fs.readSync(this.#uart1Input, buffer, 0, buffer.length, this.#uart1Taken);
      this.#uart1Taken += n;
      total += n;
      if (n < buffer.length) break;
    }
    if (total > 0) this.#lastEvent = performance.now();
    return total;
  }

  ticksMs() {
    this.poll();
    return Math.floor(performance.now()) & TICKS_MASK;
  }

  ticksUs() {
    this.poll();
    return Math.floor(performance.now() * 1000) & TICKS_MASK;
  }

  /** Sleeps for `ms`; returns early, and true, when the program was interrupted. */
  sleep(ms) {
    const end = performance.now() + ms;
    for (;;) {
      if (this.poll()) return true;
      const left = end - performance.now();
      if (left <= 0) return false;
      this.#wait(this.#received.written, left);
    }
  }

  /**
   * Sleeps until there is input or a timer is due: 1 ms at most, or 2% of the time since
   * anything happened, up to 10 ms, since waking up is what an idle board costs.
   */
  idle() {
    const seen = this.#received.written;
    const ms = Math.max(IDLE.leastMs, (performance.now() - this.#lastEvent) * IDLE.share);
    if (this.#received.waiting === 0) this.#wait(seen, Math.min(ms, IDLE.mostMs));
    this.poll();
  }

  /** Sleeps for `ms`, or until there is input or a timer is due. */
  lightSleep(ms) {
    this.#wait(this.#received.written, ms);
    this.poll();
  }

  /** Stops for good: the outside is about to end this thread. */
  halt() {
    this.#received.waitWritten(this.#received.written, Infinity);
  }

  /** Starts a timer: `callback` after `ms`, and again every `ms` if it is periodic. */
  startTimer(ms, periodic, callback) {
    const timer = { due: performance.now() + ms, ms: periodic ? ms : Infinity, callback };
    this.#timers.add(timer);
    this.#nextDue = Math.min(this.#nextDue, timer.due);
    return timer;
  }

  stopTimer(timer) {
    this.#timers.delete(timer);
  }

  /** Masks or lets through the timers; returns what was before. */
  mask(masked) {
    const before = this.#masked;
    this.#masked = masked;
    this.poll();
    return before;
  }

  #fire() {
    const before = this.#masked;
    this.#masked = true;
    const now = performance.now();
    this.#lastEvent = now;
    for (const timer of this.#timers) {
      if (now < timer.due) continue;
      timer.due += timer.ms;
      // Missed more than one: catching up helps nobody.
      if (timer.due <= now) timer.due = now + timer.ms;
      if (timer.due === Infinity) this.#timers.delete(timer);
      try {
        timer.callback();
      } catch (error) {
        if (error.name !== "PythonError") throw error;
        if (error.type === "KeyboardInterrupt") this.#interrupt();
        else this.sendText(Buffer.from(error.message));
      }
    }
    this.#nextDue = Math.min(Infinity, ...Array.from(this.#timers, (timer) => timer.due));
    this.#masked = before;
  }

  #wait(seen, ms) {
    this.#received.waitWritten(seen, Math.min(ms, this.#nextDue - performance.now()));
  }
}
