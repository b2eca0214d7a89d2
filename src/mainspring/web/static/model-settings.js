// The Settings tab: what has changed is sent; what the server refuses is told at its field.
import { call } from "./api.js";
import { dialogForm, labelled } from "./ask.js";
import { make } from "./dom.js";

const page = document.querySelector("[data-model]");
const form = page.querySelector("[data-settings]");
const model = page.dataset.model;
const path = `/models/${model}`;
const said = () => Object.fromEntries(new FormData(form));
const numbers = new Set(["scaling/min_instances", "scaling/max_instances", "scaling/idle_timeout"]);
const saved = page.querySelector("[data-saved]");
let before = said();

function meant(name, text) {
  if (name === "scaling/min_instances") return Number(text || 0);
  if (name === "cache/deterministic") return text === "yes";
  if (numbers.has(name)) return text.trim() === "" ? null : Number(text);
  return text.trim() === "" ? null : text.trim();
}

// What has changed, as PATCH takes it: names with a slash are members of an object.
function changes() {
  const body = {};
  for (const [name, text] of Object.entries(said())) {
    if (text === before[name]) continue;
    const [first, second] = name.split("/");
    if (second) body[first] = { ...body[first], [second]: meant(name, text) };
    else body[first] = meant(name, text);
  }
  return body;
}

function tell(name, text) {
  const place = page.querySelector(`[data-fault="${name}"]`);
  if (!place) return false;
  place.textContent = text;
  place.hidden = !text;
  if (text) form.elements[name].setAttribute("aria-invalid", "true");
  else form.elements[name].removeAttribute("aria-invalid");
  return true;
}

function trouble(text) {
  const place = page.querySelector("[data-trouble]");
  place.textContent = text;
  place.hidden = !text;
}

function refused(error) {
  const faults = [...(error.errors ?? []).map(({ pointer, detail }) => [pointer.slice(1), detail]), ...error.fields.map(({ field, description }) => [field.replaceAll(".", "/"), description])];
  const placed = faults.filter(([name, text]) => tell(name, text));
  if (placed.length) form.elements[placed[0][0]].focus();
  trouble(placed.length ? "" : error.message);
}

form.addEventListener("input", (event) => { tell(event.target.name, ""); saved.textContent = ""; });
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const body = changes();
  trouble("");
  if (!Object.keys(body).length) { saved.textContent = "Nothing has changed."; return; }
  try {
    await call(path, { method: "PATCH", body });
    before = said();
    page.dataset.visibility = before.visibility;
    saved.textContent = "Saved.";
  } catch (error) { refused(error); }
});

// Versions go first, each with what the server has to say against it; only a private model can go.
async function remove() {
  if (page.dataset.visibility !== "private") await call(path, { method: "PATCH", body: { visibility: "private" } });
  page.dataset.visibility = "private";
  for (let left = (await call(`${path}/versions`)).results; left.length; left = (await call(`${path}/versions`)).results) {
    for (const { id } of left) await call(`${path}/versions/${id}`, { method: "DELETE" });
  }
  await call(path, { method: "DELETE" });
  location.href = "/";
  return true;
}

page.querySelector("[data-delete]").addEventListener("click", () => {
  const name = make("input", { autocomplete: "off", spellcheck: false, class: "mono-input" });
  dialogForm({
    title: `Delete ${model}?`, text: "This can’t be undone.", fields: [labelled(`Type ${model}`, name)], action: "Delete for good", danger: true,
    submit: () => { if (name.value.trim() !== model) throw new Error("That is not the model’s name."); return remove(); },
  });
});
