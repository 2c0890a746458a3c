// navigator.serial with one port, whose bytes go to and come from a real virtual board; the other
// end is SerialPlug in webpage.py. What the page sees is as in the Web Serial specification.

{
  class Port extends EventTarget {
    readable = null;
    writable = null;
    #controller = null;
    #there = true;

    async open({ baudRate }) {
      if (!(baudRate > 0)) throw new TypeError("baudRate is required");
      if (this.readable) throw new DOMException("The port is already open.", "InvalidStateError");
      if (!this.#there) throw new DOMException("Failed to open serial port.", "NetworkError");
      await window.plugOpen();
      this.readable = new ReadableStream({
        start: (controller) => (this.#controller = controller),
        cancel: () => (this.readable = null),
      });
      this.writable = new WritableStream({ write: (bytes) => window.plugWrite([...bytes]) });
    }

    getInfo() {
      return { usbVendorId: 0x2e8a, usbProductId: 0x0005 };
    }

    async close() {
      if (this.readable?.locked || this.writable?.locked) {
        throw new TypeError("The streams are locked.");
      }
      this.readable = this.writable = null;
      await window.plugClose();
    }

    receive(data) {
      this.#controller?.enqueue(Uint8Array.from(data));
    }

    pull() {
      this.#there = false;
      const controller = this.#controller;
      this.#controller = this.readable = this.writable = null;
      controller?.error(new DOMException("The device has been lost.", "NetworkError"));
    }

    insert() {
      this.#there = true;
    }
  }

  const port = new Port();
  const serial = new EventTarget();
  serial.requestPort = async () => port;
  serial.getPorts = async () => [port];
  Object.defineProperty(navigator, "serial", { value: serial });

  /** The event of the specification bubbles from the port; its target is what pages look at. */
  const say = (name) => {
    const event = new Event(name);
    Object.defineProperty(event, "target", { value: port });
    serial.dispatchEvent(event);
  };

  window.fakeSerial = {
    receive: (data) => port.receive(data),
    pull: () => {
      port.pull();
      say("disconnect");
    },
    insert: () => {
      port.insert();
      say("connect");
    },
  };
}
