// Where a deployment or a release stands: a shape and a word.
import { icon, make } from "./dom.js";

const shapes = { live: ["succeeded", "live"], booting: ["starting", "booting"], disabled: ["canceled", "disabled"], rolled_back: ["failed", "rolled back"],
  retired: ["canceled", "retired"], superseded: ["aborted", "superseded"], failed: ["failed", "rolled back"] };

export function stage(name) {
  const [shape, word] = shapes[name] ?? ["starting", name];
  return make("span", { class: "state", data: { state: shape } }, icon(shape), word);
}

export function rollout({ state, serving_release: serving }) {
  const it = stage(state);
  if (state === "booting" || state === "rolled_back") it.title = `Release ${serving} takes predictions`;
  return it;
}
