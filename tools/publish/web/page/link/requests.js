// Requests to change a board's settings, or to hear who changed them. A request says what to send
// (`content`), takes in what the board says, and can be sent again at any time: the board does
// nothing twice. tools/serial/settings.py is the same in Python.

import { CONTENT_MAX, obeyedByARepl } from "./frames.js";
import { parse } from "./logfmt.js";
import * as messages from "./messages.js";

/** Characters of the pairs that fit into a request. */
export const PAIRS_MAX = CONTENT_MAX - 4;

/** The board does not do it: the message has the key, its value as JSON, and what is allowed. */
export class Refused extends Error {
  name = "Refused";
}

/** A request to change settings, or with no more than a name to hear those in force.
 * pairs: `who=NAME key=value ...`, up to PAIRS_MAX characters of printable ASCII. */
export class Change {
  #number = 0;
  #keys = -1;

  /** The settings in force, as text by key, when done. */
  values = {};

  /** Seconds that the change is still on trial; 0: it is not. */
  trialS = 0;

  constructor(pairs) {
    do {
      this.#number = 1 + random(messages.PERIOD - 1);
      this.content = messages.set(this.#number, pairs);
    } while (obeyedByARepl(this.content));
  }

  get done() {
    return Object.keys(this.values).length === this.#keys;
  }

  /** Takes in a message from the board; whether it belongs to the answer. Throws Refused. */
  receive(message) {
    if (message.request !== this.#number) return false;
    if (message.type === messages.REFUSE) {
      throw new Refused(`${message.key} is ${message.value}, allowed: ${message.allowed}`);
    }
    if (message.type !== messages.CONFIRM) return false;
    this.trialS = message.trialS;
    this.#keys = message.keys;
    Object.assign(this.values, parse(message.pairs));
    return true;
  }
}

/** A request for the changes that the board remembers. */
export class Audit {
  #index = 0;

  /** The changes as {event, key, old, new, who, up_s}, oldest first, when done. */
  entries = [];

  done = false;

  constructor() {
    do {
      // No board has had so many changes: it answers with the oldest.
      this.#ask(messages.PERIOD / 2 + random(messages.PERIOD / 2));
    } while (obeyedByARepl(this.content));
  }

  /** Takes in a message from the board; whether it belongs to the answer. */
  receive({ type, asked, index, end, pairs }) {
    if (type !== messages.ENTRY || asked !== this.#index) return false;
    if (index !== asked) this.entries.length = 0; // what was asked for is gone, and all before it
    let next = index;
    if (index !== end) {
      this.entries.push(parse(pairs));
      next = (index + 1) % messages.PERIOD;
    }
    this.done = next === end;
    this.#ask(next);
    return true;
  }

  #ask(index) {
    this.#index = index;
    this.content = messages.audit(index);
  }
}

function random(below) {
  return Math.floor(Math.random() * below);
}
