// A table of what a section of the API lists, page after page.
import { call, signIn } from "./api.js";
import { button, make } from "./dom.js";

export { when } from "./dom.js";

// box holds [data-asking], [data-none] (shown when there is nothing) and [data-trouble].
// columns: [word, cell(item), class]; a cell gives a text, an element or a list of them.
export class Listing {
  constructor(box, { path, label, columns, keep = () => true }) {
    Object.assign(this, { box, path, label, columns, keep, next: null });
    this.body = make("tbody", { role: "rowgroup" });
    const heads = columns.map(([word, , kind]) => make("th", { scope: "col", role: "columnheader", class: kind === "figure" ? "number" : kind }, word || make("span", { class: "sr" }, "Actions")));
    this.table = make("div", { class: "table-box", tabIndex: 0, role: "region", "aria-label": label, hidden: true }, make("table", { class: "table listing stacked", role: "table" },
      make("caption", { class: "sr" }, label), make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads)), this.body));
    this.older = button("Show older", () => this.load(this.next), { class: "button", hidden: true });
    box.append(this.table, this.older);
  }

  async load(cursor = null) {
    try {
      const found = await call(`${this.path}${cursor ? `${this.path.includes("?") ? "&" : "?"}cursor=${cursor}` : ""}`);
      if (!cursor) this.body.replaceChildren();
      for (const one of found.results.filter(this.keep)) this.body.append(this.row(one));
      this.next = found.next && new URL(found.next).searchParams.get("cursor");
      this.trouble("");
    } catch (error) {
      if (error.status === 401) signIn();
      this.trouble(error.message);
    }
    this.draw();
  }

  row(one) {
    const row = make("tr", { role: "row" });
    const redraw = (now) => row.replaceChildren(...this.columns.map(([word, cell, kind]) => make("td", { class: kind, role: "cell", data: { word } }, ...[cell(now, redraw, () => { row.remove(); this.draw(); })].flat())));
    redraw(one);
    return row;
  }

  add(one) {
    const row = this.row(one);
    this.body.prepend(row);
    row.classList.add("fresh");
    this.draw();
  }

  draw() {
    const none = this.body.children.length === 0;
    this.part("asking").hidden = true;
    this.table.hidden = none;
    this.part("none").hidden = !none || !this.part("trouble").hidden;
    this.older.hidden = !this.next;
  }

  trouble(text) {
    this.part("trouble").textContent = text;
    this.part("trouble").hidden = !text;
  }

  part(name) { return this.box.querySelector(`[data-${name}]`); }
}
