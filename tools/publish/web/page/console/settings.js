// The form with a board's settings in force.

import { KEYS } from "../link/tables.js";

const LIMITS = ["bucket", "limit"]; // what adopts the keys that stand first, named for people
const KEY_VALUE = /^[!#-<>-~]+$/; // printable, without a space, a quotation or an equals sign
const WHO = /^(?!\d+$)[\w.@-]{1,16}$/;

export class SettingsForm {
  #limits;
  #control;
  #inputs = {};

  /** limits, control: the elements for what limits, and for all the rest. */
  constructor(limits, control) {
    this.#limits = limits;
    this.#control = control;
  }

  /** Show these values, as text by key; what was edited stays. */
  show(values) {
    for (const [key, value] of Object.entries(values)) {
      const input = (this.#inputs[key] ??= this.#add(key));
      const edited = input.value.trim() !== input.defaultValue;
      input.defaultValue = value;
      if (!edited) input.value = value;
      this.#mark(input);
    }
  }

  /** The pairs of what was edited. Throws an Error that names what cannot be sent. */
  edits() {
    return Object.entries(this.#inputs)
      .filter(([, input]) => input.value.trim() !== input.defaultValue)
      .map(([key, input]) => {
        const value = input.value.trim();
        if (!KEY_VALUE.test(value)) {
          throw new Error(`${key} needs a value of printable characters without spaces.`);
        }
        return `${key}=${value === "null" ? "none" : value}`;
      });
  }

  /** Forget what was edited. */
  undo() {
    for (const input of Object.values(this.#inputs)) {
      input.value = input.defaultValue;
      this.#mark(input);
    }
  }

  #add(key) {
    const { adopter, unit, allowed } = KEYS[key] ?? {}; // a newer board may have more
    const limits = LIMITS.includes(adopter);
    const field = document.createElement("div");
    field.className = "field";
    const label = document.createElement("label");
    label.htmlFor = `set-${key}`;
    label.textContent = limits ? capitalized(key.replace(/_ms$/, "")) : key;
    const input = document.createElement("input");
    Object.assign(input, { id: label.htmlFor, name: key, autocomplete: "off", spellcheck: false });
    input.size = 8;
    if (allowed) input.title = capitalized(allowed);
    if (unit) {
      const hint = document.createElement("output");
      Object.assign(hint, { id: `unit-${key}`, textContent: unit });
      input.setAttribute("aria-describedby", hint.id);
      field.append(label, hint, input);
    } else {
      field.append(label, input);
    }
    input.addEventListener("input", () => this.#mark(input));
    (limits ? this.#limits : this.#control).append(field);
    return input;
  }

  #mark(input) {
    input.classList.toggle("changed", input.value.trim() !== input.defaultValue);
  }
}

function capitalized(text) {
  return text[0].toUpperCase() + text.slice(1);
}

/** Throws an Error that says which names there can be in the log. */
export function checkWho(name) {
  if (!WHO.test(name)) {
    throw new Error(
      `"${name}" is not a name of 1 to 16 letters, digits, _ . @ -, and not digits alone.`,
    );
  }
}
