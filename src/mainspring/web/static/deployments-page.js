// The account's deployments, with what each does right now.
import { call } from "./api.js";
import { dialogForm, labelled } from "./ask.js";
import { codeBlock, make, toast } from "./dom.js";
import { ReleaseForm } from "./release-form.js";
import { rollout } from "./rollout.js";
import { cell, head, row } from "./table.js";

const EVERY_MS = 3000;
const rows = document.querySelector("[data-rows]");
const box = document.querySelector("[data-box]");
const none = document.querySelector("[data-none]");
const known = new Map();

function deploymentRow({ owner, name, current_release: current, rollout: state, now }) {
  const { model, version, configuration: { hardware, min_instances: least, max_instances: most } } = current;
  const link = make("a", { class: "row", href: `/deployments/${owner}/${name}` }, make("code", {}, name));
  const what = make("code", {}, model, make("span", { class: "muted" }, `@${version.slice(0, 8)}`));
  const numbers = { Instances: `${least}–${most}`, Starting: now.starting, Idle: now.idle, Processing: now.processing, "In line": now.queue };
  return row(cell("State", rollout(state)), head("Name", link, { class: "clip", title: name }), cell("Model", what, { class: "clip", title: `${model}:${version}` }), cell("Hardware", make("code", {}, hardware)),
    ...Object.entries(numbers).map(([word, value]) => cell(word, String(value), { class: "figure" })));
}

// Rows are replaced only when what they say has changed, so that the focus stays.
function show(found) {
  const names = new Set();
  let place = null;
  for (const one of found) {
    const text = JSON.stringify(one);
    const before = known.get(one.name);
    names.add(one.name);
    if (before?.text !== text) {
      const made = deploymentRow(one);
      const focused = before?.element.contains(document.activeElement);
      before?.element.replaceWith(made);
      known.set(one.name, { text, element: made });
      if (!before) place ? place.after(made) : rows.prepend(made);
      if (focused) made.querySelector("a").focus();
    }
    place = known.get(one.name).element;
  }
  for (const [name, { element }] of known) if (!names.has(name)) { element.remove(); known.delete(name); }
  box.hidden = !found.length;
  none.hidden = found.length > 0;
}

async function every() {
  const found = [];
  let next = "/deployments";
  while (next && found.length < 500) {
    const page = await call(next);
    found.push(...page.results);
    next = page.next ? `/deployments${new URL(page.next).search}` : null;
  }
  return found;
}

async function look() {
  try { if (!document.hidden || !known.size) show(await every()); } catch (error) { toast(error.message); }
  setTimeout(look, EVERY_MS);
}

async function create(given) {
  const form = new ReleaseForm(given);
  const name = make("input", { required: true, autocomplete: "off", spellcheck: false, pattern: "[A-Za-z0-9]([A-Za-z0-9._\\-]*[A-Za-z0-9])?", class: "mono-input" });
  const made = await dialogForm({
    title: "Create a deployment",
    text: "A version, hardware and numbers of instances under a name of its own, with a line of its own.",
    fields: [labelled("Name", name), ...form.fields],
    action: "Create",
    submit: () => call("/deployments", { method: "POST", body: { name: name.value.trim(), ...form.values() } }),
  });
  if (made) location.href = `/deployments/${made.owner}/${made.name}`;
}

for (const one of document.querySelectorAll("[data-create]")) one.addEventListener("click", () => create());
none.querySelector("[data-command]").append(codeBlock(none.querySelector("[data-command]").dataset.command, "Create a deployment"));
const asked = new URLSearchParams(location.search);
if (asked.has("model")) create({ model: asked.get("model"), version: asked.get("version") ?? undefined });
look();
