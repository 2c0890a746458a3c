// The serial line between the board's processor (a worker) and the outside: one ring of
// bytes in shared memory for each direction. A ring has one writer and one reader.

const SIZE = 65536; // bytes; a power of two, so that the counters may wrap
const WRITTEN = 0;
const TAKEN = 1;
const HEADER = 8; // bytes: the two counters

export class Ring {
  #counters;
  #bytes;

  /** memory: what `Ring.memory()` returned, here or in another thread. */
  constructor(memory) {
    this.#counters = new Int32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, HEADER);
  }

  static memory() {
    return new SharedArrayBuffer(HEADER + SIZE);
  }

  /** Whether the last bytes taken made room in a full ring: the writer may be waiting. */
  relieved = false;

  get waiting() {
    return (this.written - Atomics.load(this.#counters, TAKEN)) | 0;
  }

  get full() {
    return this.waiting === SIZE;
  }

  /** How many bytes were ever written, modulo 2^32. */
  get written() {
    return Atomics.load(this.#counters, WRITTEN);
  }

  /** Writes what there is room for; returns how many bytes that was. */
  write(bytes) {
    const written = this.written;
    const n = Math.min(bytes.length, SIZE - this.waiting);
    const at = written & (SIZE - 1);
    const first = Math.min(n, SIZE - at);
    this.#bytes.set(bytes.subarray(0, first), at);
    this.#bytes.set(bytes.subarray(first, n), 0);
    this.#advance(WRITTEN, written + n);
    return n;
  }

  /** Moves waiting bytes into `target`, at most its length, and none behind the first `last`;
   * returns how many. */
  readInto(target, last) {
    const taken = Atomics.load(this.#counters, TAKEN);
    let n = Math.min(target.length, this.waiting);
    const at = taken & (SIZE - 1);
    const first = Math.min(n, SIZE - at);
    target.set(this.#bytes.subarray(at, at + first));
    target.set(this.#bytes.subarray(0, n - first), first);
    n = target.subarray(0, n).indexOf(last) + 1 || n;
    this.#take(taken, taken + n);
    return n;
  }

  /** Drops the waiting bytes up to the last `byte`; returns whether there was one. */
  dropThrough(byte) {
    const written = this.written;
    const taken = Atomics.load(this.#counters, TAKEN);
    for (let end = written; end !== taken; end = (end - 1) | 0) {
      if (this.#bytes[(end - 1) & (SIZE - 1)] === byte) {
        this.#take(taken, end);
        return true;
      }
    }
    return false;
  }

  clear() {
    this.#take(Atomics.load(this.#counters, TAKEN), this.written);
  }

  /** Blocks the thread until more than `written` bytes were written, at most `ms`. */
  waitWritten(written, ms) {
    Atomics.wait(this.#counters, WRITTEN, written, ms);
  }

  /** Blocks the thread until a full ring has room. */
  waitRoom() {
    const taken = Atomics.load(this.#counters, TAKEN);
    if (this.full) Atomics.wait(this.#counters, TAKEN, taken);
  }

  #take(from, to) {
    this.#advance(TAKEN, to);
    // Only after the advance: until then the writer could still have filled it.
    this.relieved = ((this.written - from) | 0) >= SIZE;
  }

  #advance(counter, value) {
    Atomics.store(this.#counters, counter, value);
    Atomics.notify(this.#counters, counter);
  }
}

/** Calls the thread that owns the outside, once until it has come. */
export class Bell {
  #rung;
  #call;

  /** memory: from `Bell.memory()`; call: sends the message, needed only to ring. */
  constructor(memory, call) {
    this.#rung = new Int32Array(memory);
    this.#call = call;
  }

  static memory() {
    return new SharedArrayBuffer(4);
  }

  ring() {
    if (Atomics.exchange(this.#rung, 0, 1) === 0) this.#call();
  }

  /** To be called before looking at the rings. */
  answer() {
    Atomics.store(this.#rung, 0, 0);
  }
}
