// Lines over time as SVG: thin axes, at most two colours, the last value at each line's end, and all numbers as a table.
import { make, unique } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
export const HEIGHT = 148;
const PAD = { left: 48, right: 60, top: 12, bottom: 22 };

export function draw(tag, given, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(given)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

// The least round number that is not below: one of the steps times a power of ten.
export function roundUp(value, steps = [1, 2, 5, 10]) {
  if (!(value > 0)) return steps[0];
  const power = 10 ** Math.floor(Math.log10(value));
  return steps.map((step) => step * power).find((step) => step >= value * 0.999999);
}

const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

// A figure. series: [{name, values}], null where there is none; tell(value) gives the words for a value.
export class Plot {
  constructor({ title, tell, whole = false }) {
    Object.assign(this, { tell, whole, times: [], series: [] });
    const id = unique("plot");
    this.now = make("span", { class: "plot-now" });
    this.canvas = draw("svg", { class: "plot-canvas", height: HEIGHT, "aria-hidden": "true" });
    this.table = make("table", {});
    this.element = make("figure", { class: "plot", "aria-labelledby": id }, make("figcaption", {}, make("span", { id, class: "plot-title" }, title), this.now),
      this.canvas, make("div", { class: "sr" }, this.table));
    this.canvas.addEventListener("pointermove", (event) => this.#point(event));
    this.canvas.addEventListener("pointerleave", () => this.#point(null));
    new ResizeObserver(() => this.#draw()).observe(this.element);
  }

  // times: when each value's stretch begins, in ms since the epoch.
  show(times, series) {
    Object.assign(this, { times, series });
    this.#draw();
    this.#rows();
  }

  #rows() {
    const head = make("tr", {}, make("th", { scope: "col" }, "From"), ...this.series.map(({ name }) => make("th", { scope: "col" }, name)));
    const rows = this.times.map((at, index) => make("tr", {}, make("th", { scope: "row" }, clock(at)), ...this.series.map(({ values }) => make("td", {}, this.#words(values[index])))));
    this.table.replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
  }

  #words(value) { return value === null ? "none" : this.tell(value); }

  #draw() {
    const width = this.element.clientWidth;
    if (!width || !this.times.length) return;
    const { left, right, top, bottom } = PAD;
    const highest = Math.max(0, ...this.series.flatMap(({ values }) => values.map((one) => one ?? 0)));
    const most = this.whole ? roundUp(Math.max(highest, 1), [2, 4, 10]) : roundUp(highest);
    this.x = (index) => left + (index * (width - left - right)) / Math.max(this.times.length - 1, 1);
    const y = (value) => HEIGHT - bottom - (value / most) * (HEIGHT - top - bottom);
    const lines = [0, most / 2, most].flatMap((value) => [
      draw("line", { class: value ? "plot-grid" : "plot-axis", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
      draw("text", { class: "plot-scale", x: left - 6, y: y(value) + 4, "text-anchor": "end" }, this.tell(value)),
    ]);
    const places = [[0, "start"], [Math.floor(this.times.length / 2), "middle"], [this.times.length - 1, "end"]];
    const hours = places.map(([index, anchor]) => draw("text", { class: "plot-scale", x: this.x(index), y: HEIGHT - 6, "text-anchor": anchor }, clock(this.times[index])));
    const curves = this.series.map(({ values }, index) => draw("g", { class: `plot-series line-${index}` }, ...curve(values, this.x, y)));
    const nothing = this.series.every(({ values }) => values.every((one) => one === null));
    if (nothing) lines.push(draw("text", { class: "plot-scale", x: (left + width - right) / 2, y: (top + HEIGHT - bottom) / 2 - 6, "text-anchor": "middle" }, "none in this time"));
    this.rule = draw("line", { class: "plot-rule", y1: top, y2: HEIGHT - bottom, visibility: "hidden" });
    this.canvas.setAttribute("width", width);
    this.canvas.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.canvas.replaceChildren(...lines, ...hours, ...curves, this.rule, ...this.#ends(y));
    this.#point(null);
  }

  // The last value of each line, beside it; two that would touch are moved apart.
  #ends(y) {
    const ends = this.series.map(({ values }, index) => {
      const at = values.findLastIndex((one) => one !== null);
      return at < 0 ? null : { index, at, value: values[at], y: y(values[at]) };
    }).filter(Boolean).sort((a, b) => a.y - b.y);
    if (ends.length === 2 && ends[1].y - ends[0].y < 14) {
      const middle = Math.min((ends[0].y + ends[1].y) / 2, HEIGHT - PAD.bottom - 10);
      [ends[0].y, ends[1].y] = [middle - 7, middle + 7];
    }
    return ends.map(({ index, at, value, y: place }) => draw("text", { class: `plot-end line-${index}`, x: this.x(at) + 6, y: place + 4 }, this.tell(value)));
  }

  // What the pointer is over, in words in the figure's head; without one, what the lines are.
  #point(event) {
    const { left } = this.canvas.getBoundingClientRect();
    const near = event && this.x ? this.times.reduce((best, _, index) => (Math.abs(this.x(index) + left - event.clientX) < Math.abs(this.x(best) + left - event.clientX) ? index : best), 0) : null;
    if (this.rule) {
      this.rule.setAttribute("visibility", near === null ? "hidden" : "visible");
      if (near !== null) for (const end of ["x1", "x2"]) this.rule.setAttribute(end, this.x(near));
    }
    const words = this.series.map(({ name, values }, index) => make("span", { class: `plot-key line-${index}` }, near === null ? name : `${name} ${this.#words(values[near])}`));
    if (near === null && words.length === 1) this.now.replaceChildren();
    else this.now.replaceChildren(...(near === null ? [] : [make("span", {}, clock(this.times[near]))]), ...words);
  }
}

// A line through what lies side by side; what stands alone is a dot.
function curve(values, x, y) {
  const runs = [];
  values.forEach((value, index) => {
    if (value === null) return;
    if (index && values[index - 1] !== null) runs.at(-1).push(index);
    else runs.push([index]);
  });
  const point = (index) => `${x(index).toFixed(1)} ${y(values[index]).toFixed(1)}`;
  return runs.map((run) => (run.length === 1
    ? draw("circle", { cx: x(run[0]), cy: y(values[run[0]]), r: 2.2 })
    : draw("path", { d: `M${run.map(point).join("L")}` })));
}
