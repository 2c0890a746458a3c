// Made-up arrivals, the same for the same seed and the same settings.

export const SEED = 2026;
export const PATTERNS = ["steady", "poisson", "bursty", "heavy"];

const ON_S = 0.25; // mean lengths of `bursty` and `heavy`
const OFF_S = 0.75;
const SHAPE = 1.6; // of the Pareto distribution: below 2 its variance is infinite
const SHORTEST = (SHAPE - 1) / SHAPE; // of a Pareto distribution whose mean is 1

/**
 * When events arrive. `settings` is read at each one, so it may change meanwhile:
 * arrivals: a second, over a long time.
 * pattern:  steady: at even distances. poisson: each independent of the others. bursty: on and off
 *           in turn, while on Poisson arrivals at four times the rate. heavy: the same, but the
 *           lengths have a heavy tail: most are short, a few are very long.
 */
export class Arrivals {
  #settings;
  #random;
  #now = 0; // seconds
  #end = 0; // of the present time on
  #steady = null; // where even distances began, and how many there were

  constructor(settings, seed = SEED) {
    this.#settings = settings;
    this.#random = mulberry32(seed);
  }

  /** The microsecond of the next arrival; never falls. */
  next() {
    const { pattern, arrivals } = this.#settings;
    if (pattern === "steady") return this.#evenly(arrivals);
    this.#steady = null;
    if (pattern === "poisson") this.#now += this.#exponential(arrivals);
    else this.#inBursts(arrivals, pattern === "heavy");
    return Math.round(this.#now * 1e6);
  }

  #evenly(rate) {
    if (this.#steady?.rate !== rate) {
      const first = this.#now === 0 ? 0 : 1;
      this.#steady = { rate, from: this.#now, count: first };
    }
    const { from, count } = this.#steady;
    this.#steady.count += 1;
    this.#now = from + count / rate;
    return Math.round(this.#now * 1e6);
  }

  #inBursts(rate, heavy) {
    const peak = (rate * (ON_S + OFF_S)) / ON_S;
    for (;;) {
      const next = this.#now + this.#exponential(peak);
      if (next < this.#end) {
        this.#now = next;
        return;
      }
      const pause = this.#end === 0 ? 0 : OFF_S * this.#length(heavy);
      this.#now = Math.max(this.#now, this.#end) + pause;
      this.#end = this.#now + ON_S * this.#length(heavy);
    }
  }

  #length(heavy) {
    const chance = this.#random();
    return heavy ? SHORTEST * (1 - chance) ** (-1 / SHAPE) : 0.6 + 0.8 * chance;
  }

  #exponential(rate) {
    return -Math.log(1 - this.#random()) / rate;
  }
}

/** Numbers from 0 to below 1 (Tommy Ettinger's generator of this name). */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
