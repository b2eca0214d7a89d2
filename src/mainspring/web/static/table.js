// Tables whose rows are cards on a phone. Their roles are said, because cards are no tables for a browser.
import { make } from "./dom.js";

export const row = (...cells) => make("tr", { role: "row" }, ...cells);

// word: what its column is called, said beside it on a card. content: one child, or a list of them.
export const cell = (word, content, given = {}) => make("td", { role: "cell", data: { word }, ...given }, ...[content].flat());
export const head = (word, content, given = {}) => make("th", { scope: "row", role: "rowheader", data: { word }, ...given }, ...[content].flat());

// {box, table}; rows go into tbody elements of their own. columns: [word, class]; one without a word is of actions.
export function table(label, columns, kind = "") {
  const heads = columns.map(([word, of]) => make("th", { scope: "col", role: "columnheader", class: of }, word || make("span", { class: "sr" }, "Actions")));
  const made = make("table", { class: `table stacked ${kind}`.trim(), role: "table" }, make("caption", { class: "sr" }, label), make("thead", { role: "rowgroup" }, row(...heads)));
  return { table: made, box: make("div", { class: "table-box", tabIndex: 0, role: "region", "aria-label": label }, made) };
}

export const body = (...rows) => make("tbody", { role: "rowgroup" }, ...rows);
