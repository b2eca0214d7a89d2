// Saved predictions of the model: what went in and what came out; its owner chooses the first one.
import { call } from "./api.js";
import { button, make, pageData, toast } from "./dom.js";
import { ago, span } from "./format.js";
import { fileOf, preview } from "./output.js";

const data = pageData();
const place = document.querySelector("[data-examples]");
const none = place.firstElementChild;
const path = `/models/${data.model}/examples`;
const { owns } = data;
const LONGEST = 240;

async function change(it, doing) {
  it.disabled = true;
  try { await doing(); await show(); } catch (error) { toast(error.message); it.disabled = false; }
}

// What came out, small: the first file or the beginning of the text.
function taste({ output }) {
  const first = [output].flat().find((one) => fileOf(one));
  if (first) return preview(first, { done: true });
  const text = Array.isArray(output) && output.every((one) => typeof one === "string") ? output.join("") : typeof output === "string" ? output : JSON.stringify(output, null, 1);
  return [make("pre", {}, text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text)];
}

function words({ input }) {
  const rows = Object.entries(input).filter(([, one]) => typeof one !== "string" || !fileOf(one)).slice(0, 3);
  return rows.map(([name, one]) => {
    const text = typeof one === "string" ? one : JSON.stringify(one);
    return make("div", {}, make("dt", {}, name), make("dd", {}, text.length > 100 ? `${text.slice(0, 100)}…` : text));
  });
}

function card(one, first) {
  const ran = one.metrics?.predict_time;
  const use = make("a", { class: "button small", href: `/${data.model}?example=${one.id}` }, "Open in the playground");
  const mine = owns ? [first !== one.id && button("Make it the default", (event) => change(event.currentTarget, () => call(path, { method: "POST", body: { prediction: one.id, default: true } })), { class: "button small" }),
    button("Remove", (event) => change(event.currentTarget, () => call(`${path}/${one.id}`, { method: "DELETE" })), { class: "button small danger" })] : [];
  return make("li", { class: "example" }, make("div", { class: "pane taste" }, ...taste(one)), make("dl", { class: "value-rows" }, ...words(one)),
    make("p", { class: "card-foot" }, first === one.id && make("span", { class: "chip good" }, "default"), ran !== undefined && make("span", { class: "figure" }, span(ran * 1000)), make("span", {}, ago(one.created_at))),
    make("p", { class: "actions" }, use, ...mine.filter(Boolean)));
}

async function show() {
  const [{ results }, model] = await Promise.all([call(path), call(`/models/${data.model}`)]);
  place.replaceChildren(results.length ? make("ul", { class: "examples" }, ...results.map((one) => card(one, model.default_example?.id))) : none);
}

if (data.account) show().catch((error) => toast(error.message));
else if (data.example) place.replaceChildren(make("ul", { class: "examples" }, card(data.example, data.example.id)));
