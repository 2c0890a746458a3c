// A board on a serial port: its lines, its messages, and requests to it. The port is lost when the
// board is unplugged, and opened again when the same board comes back.

import { encode, LineReader } from "../link/frames.js";
import { read } from "../link/messages.js";

const AGAIN_MS = 500; // without an answer the same request is sent again
const ANSWER_MS = 5000; // that a board may take for an answer
const LOOK_MS = 50; // how often the silence of the line is looked at
const BACK_MS = 300; // after a board came back, until its port can be opened

/**
 * The callbacks: onLine(text), onUp(), and onDown(reason) when the line was lost: a sentence, empty
 * when `close` was called.
 */
export class Board {
  #callbacks;
  #options = null;
  #port = null; // the one that was chosen
  #reader = null; // while it is open
  #lines = null;
  #heardAt = 0;
  #request = null; // {request, resolve, reject} that is under way
  #turn = Promise.resolve(); // requests go one after the other
  #written = Promise.resolve(); // when all that was to be written is
  #closing = false;

  constructor(callbacks) {
    this.#callbacks = callbacks;
    navigator.serial.addEventListener("connect", (event) => this.#isBack(event));
    setInterval(() => this.#idle(), LOOK_MS);
  }

  get open() {
    return this.#reader !== null;
  }

  /** Let the user choose a port, and open it; nothing happens when none is chosen. Throws an Error
   * that says why it cannot be opened. */
  async choose(baudRate) {
    let port;
    try {
      port = await navigator.serial.requestPort();
    } catch (error) {
      if (error.name === "NotFoundError") return; // closed without a choice
      throw error;
    }
    this.#port = port;
    this.#options = { baudRate };
    await this.#start();
  }

  /** Close the port; it is not opened again by itself. */
  async close() {
    this.#port = null;
    this.#closing = true;
    await this.#reader?.cancel();
  }

  /** Resolves when the board has answered the request; rejects with Refused, or an Error that says
   * what is the matter. */
  ask(request) {
    const answer = this.#turn.then(() => this.#exchange(request));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  async #start() {
    const port = this.#port;
    await port.open(this.#options);
    this.#closing = false;
    this.#lines = new LineReader();
    this.#heardAt = performance.now();
    this.#reader = port.readable.getReader();
    this.#callbacks.onUp();
    this.#listen(port);
  }

  async #listen(port) {
    let reason = "The board was unplugged; plug it in again, or connect another.";
    for (;;) {
      try {
        const { value, done } = await this.#reader.read();
        if (done) break;
        this.#hear(value);
      } catch (error) {
        // Noise on the line (a break, a parity error) leaves the port readable.
        this.#reader.releaseLock();
        if (!port.readable) break;
        this.#reader = port.readable.getReader();
        if (error.name === "NetworkError") break;
      }
    }
    if (this.#closing) reason = "";
    this.#reader.releaseLock();
    this.#reader = null;
    this.#request?.reject(new Error("The board was unplugged before it answered."));
    await port.close().catch(() => {}); // it is gone
    this.#callbacks.onDown(reason);
  }

  #hear(bytes) {
    this.#heardAt = performance.now();
    this.#take(this.#lines.feed(bytes));
  }

  #idle() {
    if (this.open) this.#take(this.#lines.idle(performance.now() - this.#heardAt));
  }

  #take(items) {
    for (const { line, content } of items) {
      if (line !== undefined) this.#callbacks.onLine(line);
      else this.#answer(content);
    }
  }

  #answer(content) {
    const message = read(content);
    if (!message || !this.#request) return;
    const { request, resolve, reject, heard } = this.#request;
    try {
      if (!request.receive(message)) return;
    } catch (refused) {
      reject(refused);
      return;
    }
    heard();
    if (request.done) resolve();
  }

  async #exchange(request) {
    if (!this.open) throw new Error("No board is connected.");
    let sent = null;
    let again;
    const send = () => {
      sent = request.content;
      this.#write(encode(sent));
    };
    try {
      await new Promise((resolve, reject) => {
        let last = performance.now();
        const heard = () => {
          last = performance.now();
          if (!request.done && request.content !== sent) send();
        };
        this.#request = { request, resolve, reject, heard };
        again = setInterval(() => {
          if (performance.now() - last < ANSWER_MS) send();
          else reject(new Error("No answer for 5 s: is Sluice running on the board?"));
        }, AGAIN_MS);
        send();
      });
    } finally {
      clearInterval(again);
      this.#request = null;
    }
  }

  /** One after the other: a port that is slow to take them has one writer at a time. */
  #write(bytes) {
    this.#written = this.#written.then(() => this.#writeNow(bytes));
  }

  async #writeNow(bytes) {
    const writer = this.#port?.writable?.getWriter();
    if (!writer) return; // it was unplugged just now
    try {
      await writer.write(bytes);
    } catch {
      // The reader learns the same, and says it.
    } finally {
      writer.releaseLock();
    }
  }

  async #isBack(event) {
    if (!this.#port || this.open || !sameDevice(this.#port, event.target)) return;
    this.#port = event.target;
    await new Promise((resolve) => setTimeout(resolve, BACK_MS));
    try {
      await this.#start();
    } catch (error) {
      this.#callbacks.onDown(`The board is back, but its port cannot be opened: ${error.message}`);
    }
  }
}

function sameDevice(one, other) {
  const [{ usbVendorId, usbProductId }, found] = [one.getInfo(), other.getInfo()];
  return usbVendorId === found.usbVendorId && usbProductId === found.usbProductId;
}
