// The Train tab: the form of a training, where what it learns goes, how it is going, and those before.
import { call, cancel, ended, signIn } from "./api.js";
import { make, pageData, state, toast, when } from "./dom.js";
import { follow } from "./follow.js";
import { Form } from "./form.js";
import { span } from "./format.js";
import { Result } from "./result.js";
import { serverFaults } from "./schema.js";
import { cell, head, row } from "./table.js";

const data = pageData();
const part = (name) => document.querySelector(`[data-${name}]`);
const form = new Form(part("form"), data.input);
const destination = part("destination");
const start = part("train");
let current = null;
let result = null;

function complain(text) {
  part("destination-fault").textContent = text;
  part("destination-fault").hidden = !text;
  if (text) destination.setAttribute("aria-invalid", "true");
  else destination.removeAttribute("aria-invalid");
}

// The destination as owner/name, made when it is not there; null when it can't be one.
async function ready() {
  const name = destination.value.trim();
  if (!data.owners.includes(name.split("/")[0]) || name.split("/").length !== 2 || name.endsWith("/")) {
    complain(`has to be a model of yours or of an organization of yours, like ${data.account}/mine`);
    destination.focus();
    return null;
  }
  complain("");
  try { await call(`/models/${name}`); } catch (error) {
    if (error.status !== 404) throw error;
    const { hardware } = await call(`/models/${data.model}`).then((one) => ({ hardware: one.hardware ?? "cpu" }));
    await call("/models", { method: "POST", body: { owner: name.split("/")[0], name: name.split("/")[1], visibility: "private", hardware } });
    toast(`Made the model ${name}`);
  }
  return name;
}

function watch(training) {
  result = new Result(part("result"));
  result.more.append(make("a", { class: "button small", href: `/p/${training.id}` }, "Open"));
  result.show(training);
  part("cancel").hidden = false;
  part("cancel").disabled = false;
  current = follow(training, {
    changed: (now) => { result.show(now); if (ended(now.status)) over(now); },
    lost: (error) => toast(error.message),
  });
  current.id = training.id;
}

function over(training) {
  start.disabled = false;
  part("cancel").hidden = true;
  const version = became(training);
  if (version) result.more.prepend(make("a", { class: "button small primary", href: version }, "Try the new version"));
  before();
}

function became({ output }) {
  const [model, id] = String(output?.version ?? "").split(":");
  return id ? `/${model}/versions/${id}` : null;
}

function refused(error) {
  start.disabled = false;
  if (error.status === 401) signIn();
  else if (error.fields?.length) part("summary").replaceChildren(...form.summary(serverFaults(error.fields, form.names), "The server refused the input:"));
  else part("summary").replaceChildren(make("p", {}, error.message));
}

start.addEventListener("click", async () => {
  part("summary").replaceChildren();
  const faults = form.check();
  if (faults.length) { part("summary").replaceChildren(...form.summary(faults)); form.focus(faults[0][0]); return; }
  start.disabled = true;
  try {
    const name = await ready();
    if (!name) { start.disabled = false; return; }
    const body = { destination: name, input: await form.sent() };
    watch(await call(`/models/${data.model}/versions/${data.version}/trainings`, { method: "POST", body }));
  } catch (error) { refused(error); }
});
destination.addEventListener("input", () => complain(""));
part("cancel").addEventListener("click", async () => {
  part("cancel").disabled = true;
  try { await cancel(current.id); current.hurry(); } catch (error) { toast(error.message); }
});

function trainingRow(one) {
  const version = became(one);
  const ran = one.metrics?.predict_time;
  return row(cell("Status", state(one.status)), head("ID", make("a", { class: "row", href: `/p/${one.id}`, title: one.id }, make("code", {}, one.id.slice(0, 12)))),
    cell("Became", version ? make("a", { href: version }, make("code", {}, `${one.output.version.slice(0, one.output.version.indexOf(":") + 9)}`)) : make("span", { class: "muted" }, "–")),
    cell("Created", when(one.created_at)), cell("Ran", ran === undefined ? "" : span(ran * 1000), { class: "figure" }));
}

async function before() {
  const { results } = await call("/trainings");
  const mine = results.filter((one) => one.model === data.model).slice(0, 20);
  part("before").hidden = !mine.length;
  part("rows").replaceChildren(...mine.map(trainingRow));
}

async function own() {
  const { results } = await call("/models");
  part("own").replaceChildren(...results.filter((one) => data.owners.includes(one.owner)).map((one) => make("option", { value: `${one.owner}/${one.name}` })));
}

before().catch((error) => toast(error.message));
own().catch(() => { /* names can be typed */ });
