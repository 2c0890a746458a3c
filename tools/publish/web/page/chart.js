// A plot over time with its legend, in the page's colours.

import uPlot from "./uplot/uPlot.esm.js";

const HEIGHT = { wide: 190, narrow: 150 };
const BARS = uPlot.paths.bars({ size: [1, 8], align: -1 });
const STEPS = uPlot.paths.stepped({ align: -1 });
const dark = matchMedia("(prefers-color-scheme: dark)");

/**
 * host:   the element that gets the figure.
 * title:  of the figure.  unit: of its values.  span: seconds that are shown.
 * series: [{name, color, dash, fill, step, bars}]; color, fill: variables of style.css.
 * Charts with the same `group` show the same moment under the pointer.
 */
export class Chart {
  #options;
  #figure = document.createElement("figure");
  #values = [];
  #plot;
  #data;
  #dirty = false;

  constructor(host, options) {
    this.#options = options;
    this.#data = [[], ...options.series.map(() => [])];
    this.#figure.append(this.#caption(), this.#canvas());
    host.append(this.#figure);
    new ResizeObserver(() => this.#resize()).observe(this.#figure);
    dark.addEventListener("change", () => this.#draw());
    this.#draw();
  }

  /** Add the values at this second, in the order of the series; null: none. */
  add(second, values) {
    const { span } = this.#options;
    this.#data[0].push(second);
    values.forEach((value, at) => this.#data[at + 1].push(value));
    const old = this.#data[0].findIndex((at) => at >= second - span - 1);
    if (old > 50) for (const column of this.#data) column.splice(0, old);
    this.#refresh();
  }

  clear() {
    for (const column of this.#data) column.length = 0;
    this.#refresh();
  }

  #refresh() {
    if (this.#dirty) return;
    this.#dirty = true;
    requestAnimationFrame(() => {
      this.#dirty = false;
      this.#plot.setData(this.#data);
    });
  }

  #caption() {
    const { title, unit, series } = this.#options;
    const caption = document.createElement("figcaption");
    const name = document.createElement("span");
    name.className = "title";
    name.textContent = title;
    name.append(" ", Object.assign(document.createElement("small"), { textContent: unit }));
    caption.append(name);
    for (const { name: label, color, dash } of series) {
      const key = document.createElement("span");
      key.className = dash ? "key dashed" : "key";
      key.style.setProperty("--key", `var(${color})`);
      const value = document.createElement("b");
      key.append(`${label} `, value);
      caption.append(key);
      this.#values.push(value);
    }
    return caption;
  }

  #canvas() {
    const { title, series } = this.#options;
    const box = document.createElement("div");
    box.className = "plot";
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", `${title}: ${series.map(({ name }) => name).join(", ")}`);
    return box;
  }

  #draw() {
    this.#plot?.destroy();
    this.#plot = new uPlot(this.#uplotOptions(), this.#data, this.#figure.lastChild);
  }

  #size() {
    const width = this.#figure.clientWidth || 300;
    return { width, height: width < 480 ? HEIGHT.narrow : HEIGHT.wide };
  }

  #resize() {
    const size = this.#size();
    if (size.width !== this.#plot.width) this.#plot.setSize(size);
  }

  #uplotOptions() {
    const style = getComputedStyle(this.#figure);
    const color = (name) => style.getPropertyValue(name).trim();
    const { group, span, series } = this.#options;
    const axis = {
      stroke: color("--muted"),
      font: `11px ${style.fontFamily}`,
      grid: { stroke: color("--grid"), width: 1 },
      ticks: { show: false },
    };
    return {
      ...this.#size(),
      padding: [8, 12, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: group }, y: false, drag: { x: false, y: false }, points: { size: 6 } },
      scales: {
        x: { time: false, range: (_, low, high) => within(low, high, span) },
        y: { range: (_, low, high) => [0, Math.max(10, high * 1.08)] },
      },
      axes: [
        { ...axis, values: (_, splits) => splits.map(seconds), size: 26, gap: 4, space: 60 },
        { ...axis, values: (_, splits) => splits.map(short), size: 48, gap: 6, space: 30 },
      ],
      series: [
        {},
        ...series.map(({ name, color: variable, dash, fill, step, bars }) => ({
          label: name,
          stroke: color(variable),
          width: bars ? 0 : dash ? 1.25 : 1.75,
          dash,
          fill: fill && color(fill),
          points: { show: false },
          paths: bars ? BARS : step ? STEPS : undefined,
        })),
      ],
      hooks: { setCursor: [() => this.#showValues()], setData: [() => this.#showValues()] },
    };
  }

  /** The values under the pointer, or else the last ones. */
  #showValues() {
    const at = this.#plot?.cursor.idx ?? this.#data[0].length - 1;
    this.#values.forEach((element, series) => {
      const value = this.#data[series + 1][at];
      element.textContent = value === null || value === undefined ? "–" : short(value);
    });
  }
}

function within(low, high, span) {
  const end = Math.max(high ?? 0, span);
  return [end - span, end];
}

function seconds(value) {
  return value < 0 ? "" : `${short(value)} s`;
}

/** A number for people. */
export function short(value) {
  return value.toLocaleString("en", { maximumFractionDigits: Math.abs(value) < 10 ? 1 : 0 });
}
