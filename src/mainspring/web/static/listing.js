// A table of what a section of the API lists, page after page.
import { call, signIn } from "./api.js";
import { button } from "./dom.js";
import { body, cell, row, table } from "./table.js";

export { when } from "./dom.js";

const key = (one) => one.id ?? one.username ?? `${one.owner}/${one.name}`;

// box holds [data-asking], [data-none] (shown when there is nothing) and [data-trouble].
// columns: [word, cell(item), class]; a cell gives a text, an element or a list of them.
export class Listing {
  constructor(box, { path, label, columns, keep = () => true }) {
    Object.assign(this, { box, path, label, columns, keep, next: null, added: 0 });
    this.body = body();
    const made = table(label, columns.map(([word, , kind]) => [word, kind === "figure" ? "number" : kind]), "listing");
    made.table.append(this.body);
    this.table = made.box;
    this.table.hidden = true;
    this.older = button("Show older", () => this.load(this.next), { class: "button", hidden: true });
    box.append(this.table, this.older);
  }

  async load(cursor = null) {
    const before = this.added;
    try {
      const found = await call(`${this.path}${cursor ? `${this.path.includes("?") ? "&" : "?"}cursor=${cursor}` : ""}`);
      if (before !== this.added) { await this.load(cursor); return; }
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
    const made = row();
    made.dataset.key = key(one);
    const redraw = (now) => made.replaceChildren(...this.columns.map(([word, told, kind]) => cell(word, told(now, redraw, () => { made.remove(); this.draw(); }), { class: kind })));
    redraw(one);
    return made;
  }

  // Something new, which a list that is asked for meanwhile may or may not tell.
  add(one) {
    this.added += 1;
    [...this.body.children].find((other) => other.dataset.key === key(one))?.remove();
    const made = this.row(one);
    this.body.prepend(made);
    made.classList.add("fresh");
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
