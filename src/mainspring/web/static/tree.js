// JSON as a tree that can be folded.
import { make } from "./dom.js";

export function tree(value, key = null, depth = 0) {
  const head = key === null ? [] : [make("span", { class: "key" }, key), ": "];
  if (value && typeof value === "object") {
    const entries = Object.entries(value);
    const list = Array.isArray(value);
    const size = `${entries.length} ${list ? (entries.length === 1 ? "item" : "items") : (entries.length === 1 ? "key" : "keys")}`;
    if (!entries.length) return make("div", { class: depth ? "leaf" : "tree" }, ...head, list ? "[]" : "{}");
    const node = make("details", { open: depth < 2 && entries.length <= 100 }, make("summary", {}, ...head, make("span", { class: "muted" }, list ? `[ ${size} ]` : `{ ${size} }`)));
    const fill = () => { if (node.open && node.children.length === 1) node.append(...entries.map(([name, one]) => tree(one, name, depth + 1))); };
    node.addEventListener("toggle", fill);
    fill();
    return depth ? node : make("div", { class: "tree" }, node);
  }
  const text = typeof value === "string" ? make("span", { class: "text" }, JSON.stringify(value.length > 400 ? `${value.slice(0, 400)}…` : value)) : String(value);
  return make("div", { class: depth ? "leaf" : "tree" }, ...head, text);
}
