// A bar for each day as SVG, with its axis; the numbers are in the table below, and here for who can't see it.
import { make, unique } from "./dom.js";
import { HEIGHT, draw, roundUp } from "./plot.js";

const PAD = { left: 64, right: 20, top: 12, bottom: 22 };

export const dayWords = (day) => new Date(`${day}T00:00:00Z`).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" });

export class Bars {
  constructor() {
    const id = unique("bars");
    this.title = make("span", { id, class: "plot-title" });
    this.now = make("span", { class: "plot-now figure" });
    this.canvas = draw("svg", { class: "plot-canvas bars", height: HEIGHT, "aria-hidden": "true" });
    this.table = make("table", {});
    this.days = [];
    this.element = make("figure", { class: "plot", "aria-labelledby": id }, make("figcaption", {}, this.title, this.now), this.canvas, make("div", { class: "sr" }, this.table));
    this.canvas.addEventListener("pointermove", (event) => this.#point(event.target.dataset.at));
    this.canvas.addEventListener("pointerleave", () => this.#point(undefined));
    new ResizeObserver(() => this.#draw()).observe(this.element);
  }

  // days: [{day, value}] in order, null for days to come; tell(value) gives the words for a value, which is a whole number if so said.
  show(title, days, tell, whole = false) {
    Object.assign(this, { days, tell, whole });
    this.title.textContent = `${title} by day`;
    const rows = days.filter(({ value }) => value !== null).map(({ day, value }) => make("tr", {}, make("th", { scope: "row" }, day), make("td", {}, tell(value))));
    this.table.replaceChildren(make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "Day"), make("th", { scope: "col" }, title))), make("tbody", {}, ...rows));
    this.#draw();
  }

  #draw() {
    const width = this.element.clientWidth - 32;
    if (width <= 0 || !this.days.length) return;
    const { left, right, top, bottom } = PAD;
    const highest = Math.max(...this.days.map(({ value }) => value ?? 0));
    const most = this.whole ? roundUp(Math.max(highest, 1), [2, 4, 10]) : roundUp(highest);
    const step = (width - left - right) / this.days.length;
    const y = (value) => HEIGHT - bottom - (value / most) * (HEIGHT - top - bottom);
    const lines = [0, most / 2, most].flatMap((value) => [
      draw("line", { class: value ? "plot-grid" : "plot-axis", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
      draw("text", { class: "plot-scale", x: left - 6, y: y(value) + 4, "text-anchor": "end" }, this.tell(value)),
    ]);
    const wide = Math.min(step * 0.7, 32);
    const bars = this.days.flatMap(({ value }, at) => value === null ? [] : [
      draw("rect", { x: left + at * step + (step - wide) / 2, width: wide, y: y(value), height: Math.max(y(0) - y(value), value ? 1 : 0), rx: 1.5 }),
      draw("rect", { class: "hit", x: left + at * step, width: step, y: top, height: HEIGHT - top - bottom, "data-at": at }),
    ]);
    this.canvas.setAttribute("width", width);
    this.canvas.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.canvas.replaceChildren(...lines, ...this.#labels(left, step), ...bars);
    this.#point(undefined);
  }

  // As many days as find room, the last one always.
  #labels(left, step) {
    const every = Math.max(1, Math.ceil(52 / step));
    const last = this.days.length - 1;
    return this.days.map(({ day }, at) => ({ day, at })).filter(({ at }) => (last - at) % every === 0)
      .map(({ day, at }) => draw("text", { class: "plot-scale", x: left + (at + 0.5) * step, y: HEIGHT - 6, "text-anchor": "middle" }, dayWords(day)));
  }

  #point(at) {
    const one = this.days[at];
    this.canvas.querySelectorAll("rect:not(.hit)").forEach((bar, index) => bar.classList.toggle("over", String(index) === at));
    this.now.textContent = one ? `${dayWords(one.day)} ${this.tell(one.value)}` : "";
  }
}
