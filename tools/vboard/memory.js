// The memory of the WebAssembly machine, as the system calls in it see it: little-endian,
// 32-bit pointers. The views are made again when the machine's memory has grown.

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export class Memory {
  #wasm;
  #bytes = new Uint8Array(0);
  #view;

  /** wasm: the WebAssembly.Memory, once the machine is there. */
  attach(wasm) {
    this.#wasm = wasm;
  }

  get bytes() {
    this.#refresh();
    return this.#bytes;
  }

  get view() {
    this.#refresh();
    return this.#view;
  }

  /** The string that ends at the first zero byte after `at`. */
  string(at) {
    const bytes = this.bytes;
    return decoder.decode(bytes.subarray(at, bytes.indexOf(0, at)));
  }

  /** Stores a zero-terminated string; returns the bytes it took, or 0 if there is no room. */
  setString(at, room, text) {
    const encoded = encoder.encode(text);
    if (encoded.length >= room) return 0;
    this.bytes.set(encoded, at);
    this.bytes[at + encoded.length] = 0;
    return encoded.length + 1;
  }

  /** The buffers of a readv or writev: `count` pairs of address and length. */
  buffers(at, count) {
    const result = [];
    for (let i = 0; i < count; i++) {
      const start = this.view.getUint32(at + 8 * i, true);
      const length = this.view.getUint32(at + 8 * i + 4, true);
      result.push(this.bytes.subarray(start, start + length));
    }
    return result;
  }

  #refresh() {
    if (this.#bytes.buffer === this.#wasm.buffer) return;
    this.#bytes = new Uint8Array(this.#wasm.buffer);
    this.#view = new DataView(this.#wasm.buffer);
  }
}
