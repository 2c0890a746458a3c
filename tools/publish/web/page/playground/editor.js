// A text area for programs: line numbers, and lines that begin below the one before.

const INDENT = /^[ ]*/;

export class Editor {
  #area;
  #gutter;
  #wrong = null;

  /** Called on Ctrl+Enter. */
  onRun = () => {};

  constructor(area, gutter) {
    this.#area = area;
    this.#gutter = gutter;
    area.addEventListener("input", () => this.#number());
    area.addEventListener("scroll", () => (gutter.scrollTop = area.scrollTop));
    area.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => (gutter.style.height = `${area.offsetHeight}px`)).observe(area);
  }

  get text() {
    return this.#area.value;
  }

  set text(text) {
    this.#area.value = text;
    this.#number();
  }

  /** Show that this line is wrong; null: none is. */
  mark(line) {
    this.#wrong = line;
    this.#number();
    if (line === null) return;
    const height = this.#area.scrollHeight / (this.text.split("\n").length + 1);
    this.#area.scrollTop = Math.max(0, (line - 6) * height);
  }

  #number() {
    const lines = this.text.split("\n").length;
    this.#gutter.replaceChildren(
      ...Array.from({ length: lines }, (_, at) => {
        const number = document.createElement("span");
        number.textContent = `${at + 1}\n`;
        if (at + 1 === this.#wrong) number.className = "wrong";
        return number;
      }),
    );
    this.#gutter.scrollTop = this.#area.scrollTop;
  }

  #key(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) {
      this.onRun();
      return;
    }
    const before = this.text.slice(0, this.#area.selectionStart).split("\n").at(-1);
    const indent = INDENT.exec(before)[0] + (before.trimEnd().endsWith(":") ? "    " : "");
    document.execCommand("insertText", false, `\n${indent}`); // so that it can be undone
  }
}
