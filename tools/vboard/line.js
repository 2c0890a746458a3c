// The outside end of the serial line: bytes between the client and the processor's rings.

const DEAF_MS = 500; // a client that takes nothing for so long loses output; the board goes on

export class Line {
  #received;
  #sent;
  #bell;
  #input;
  #output;
  #unsent = []; // chunks from the client for which `received` has no room yet
  #blocked; // the timer of a client that has not taken what was sent
  #deaf = false;
  #chunk = new Uint8Array(65536);

  /** The rings of a processor that has just been switched on. */
  connect(received, sent, bell) {
    this.#received = received;
    this.#sent = sent;
    this.#bell = bell;
    this.#unsent.length = 0;
    this.#input?.resume();
  }

  get client() {
    return this.#input;
  }

  /** The client's two streams, which may be one. */
  attach(input, output) {
    this.#input = input;
    this.#output = output;
    input.on("data", (bytes) => {
      this.#unsent.push(bytes);
      this.#forward();
    });
    output.on("drain", () => this.#listening());
    input.on("close", () => {
      this.#input = this.#output = undefined;
      this.#listening();
    });
    input.resume();
  }

  /** Moves what there is, both ways. */
  serve() {
    this.#bell.answer();
    this.#forward();
    if (this.#blocked && !this.#deaf) return;
    for (let n; (n = this.#sent.readInto(this.#chunk)) > 0; ) {
      if (!this.#output || this.#deaf) continue; // nobody listens
      if (!this.#output.write(this.#chunk.slice(0, n))) {
        this.#blocked = setTimeout(() => {
          this.#deaf = true;
          this.serve();
        }, DEAF_MS);
        return;
      }
    }
  }

  #forward() {
    while (this.#unsent.length > 0) {
      const n = this.#received.write(this.#unsent[0]);
      if (n === this.#unsent[0].length) this.#unsent.shift();
      else if (n > 0) this.#unsent[0] = this.#unsent[0].subarray(n);
      else break;
    }
    if (this.#unsent.length > 0) this.#input?.pause();
    else this.#input?.resume();
  }

  #listening() {
    clearTimeout(this.#blocked);
    this.#blocked = undefined;
    this.#deaf = false;
    this.serve();
  }
}
