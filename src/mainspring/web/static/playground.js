// The playground: the form, the same call as code, Run and Cancel, and what comes of it.
import { call, cancel, deploy, ended, predict, signIn } from "./api.js";
import { codeBlock, copier, make, pageData, segments, toast } from "./dom.js";
import { fileOf } from "./output.js";
import { money, span } from "./format.js";
import { follow } from "./follow.js";
import { Form } from "./form.js";
import { Result } from "./result.js";
import { Sharing } from "./sharing.js";
import { serverFaults } from "./schema.js";
import { code, gives, languages } from "./snippets.js";

const data = pageData();
const part = (name) => document.querySelector(`[data-${name}]`);
const form = new Form(part("form"), data.input);
const run = part("run");
const place = part("result");
const nothing = place.firstElementChild;
let example = {};
let current = null;
let result = null;
let view = "form";

// --- the call as code, live

const block = codeBlock("", "The call as code");
part("code-view").append(block);
const veiled = (values) => Object.fromEntries(Object.entries(values).map(([name, value]) => {
  const { kind, item } = form.fields.find((field) => field.name === name);
  return [name, kind === "secret" ? "…" : item === "secret" ? ["…"] : value];
}));
const describe = () => ({ ...data, input: veiled(form.values()), gives: gives(data) });
const refresh = () => { if (view !== "form") block.show(code(view, describe())); };

// With ?deployment=owner/name the form runs that deployment, whose own page says how to call it.
const deployment = new URLSearchParams(location.search).get("deployment");
const views = [["form", "Form"], ["json", "JSON"], ...(deployment ? [] : languages)];
segments(part("views"), views, (key) => {
  view = key;
  part("form").hidden = key !== "form";
  part("code-view").hidden = key === "form";
  refresh();
});
part("form").addEventListener("input", () => { part("summary").replaceChildren(); refresh(); });

// --- faults

function refused(error) {
  if (error.status === 401) { signIn(); return; }
  if (error.fields?.length) {
    const faults = serverFaults(error.fields, form.names);
    part("summary").replaceChildren(...form.summary(faults, "The server refused the input:"));
    form.focus(faults[0][0]);
  } else part("summary").replaceChildren(make("p", {}, `${error.message} `, error.status === 402 && make("a", { href: "/usage" }, "Usage and limits")));
}

// --- run

function busy(on) {
  if (run) run.disabled = on;
  part("cancel").hidden = !on;
  part("cancel").disabled = false;
}

// The one image that went in, to be compared with the one that comes out.
function before(input) {
  const files = form.fields.filter((field) => field.kind === "file" && input[field.name]);
  const [only] = files;
  if (files.length !== 1) return undefined;
  const value = form.values()[only.name];
  if (value?.file?.type.startsWith("image/")) return URL.createObjectURL(value.file);
  const given = fileOf(value);
  return given?.kind === "image" ? given.address : undefined;
}

function watch(prediction, input) {
  current?.stop();
  result?.close();
  result = new Result(place, { text: data.streams.text, before: before(input) });
  result.more.append(make("a", { class: "button small", href: `/p/${prediction.id}` }, "Open"), copier(() => location.origin + `/p/${prediction.id}`, "Copy the link"));
  const mine = result;
  const sharing = new Sharing(make("div"), prediction.id, () => {});
  mine.element.append(sharing.place);
  result.show(prediction);
  current = follow(prediction, {
    text: data.streams.text,
    changed: (now) => {
      mine.show(now);
      if (!ended(now.status)) return;
      over(now);
      if (now.status === "succeeded") { mine.more.prepend(sharing.button); sharing.look(true); }
    },
    said: (output) => mine.say(output),
    lost: (error) => toast(error.message),
  });
  current.id = prediction.id;
}

function over(prediction) {
  busy(false);
  if (prediction.status === "succeeded") estimate(prediction.metrics?.predict_time);
}

// What runs of the model took lately and cost; before there are any, what this one took.
function estimate(seconds) {
  const known = data.estimate;
  const cost = known && !deployment && (Number(known.cost_p50) ? money(Number(known.cost_p50)) : known.at_replicate && `${money(Number(known.at_replicate))} at Replicate`);
  const took = known ? known.p50_s : seconds;
  part("estimate").textContent = took === undefined ? "" : [`about ${span(took * 1000)}`, cost].filter(Boolean).join(" · ");
  if (known) part("estimate").title = `Half of the latest runs took less, 95 of 100 at most ${span(known.p95_s * 1000)}${Number(known.cost_p95) ? ` (${money(Number(known.cost_p95))})` : ""}; a boot comes on top.`;
}

async function start() {
  if (!run || run.disabled) return;
  part("summary").replaceChildren();
  const faults = form.check();
  if (faults.length) {
    part("summary").replaceChildren(...form.summary(faults));
    if (view !== "form") part("views").firstElementChild.click();
    form.focus(faults[0][0]);
    return;
  }
  busy(true);
  part("cancel").hidden = true;
  try {
    const input = await form.sent();
    watch(await (deployment ? deploy(deployment, input) : predict(`${data.model}:${data.version}`, input)), input);
    part("cancel").hidden = false;
    if (matchMedia("(max-width: 959px)").matches) document.querySelector(".output-side").scrollIntoView({ behavior: "smooth" });
  } catch (error) {
    busy(false);
    refused(error);
  }
}

run?.addEventListener("click", start);
part("form").addEventListener("submit", (event) => { event.preventDefault(); start(); });
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); start(); }
});
part("cancel").addEventListener("click", async () => {
  part("cancel").disabled = true;
  try { await cancel(current.id); current.hurry(); } catch (error) { toast(error.message); part("cancel").disabled = false; }
});
part("reset").addEventListener("click", () => {
  current?.stop();
  result?.close();
  busy(false);
  part("summary").replaceChildren();
  form.fill(example);
  place.replaceChildren(nothing);
  refresh();
});
if (run && /Mac|iPhone|iPad/.test(navigator.platform)) run.querySelector("kbd").textContent = "⌘ ↵";

// --- what it opens with: a prediction that is edited here, a shared one, an example, or the defaults

async function given() {
  const asked = new URLSearchParams(location.search);
  const from = asked.get("from");
  const shared = asked.get("shared");
  const saved = asked.get("example");
  if (shared) return call(`/shared/${encodeURIComponent(shared)}`);
  if (from && data.account) return call(`/predictions/${encodeURIComponent(from)}`);
  if (saved && data.account) return (await call(`/models/${data.model}/examples`)).results.find((one) => one.id === saved) ?? data.example;
  return data.example;
}

async function open() {
  estimate();
  try {
    const first = await given();
    if (!first) return;
    example = first.input ?? {};
    form.fill(example);
    refresh();
    watchEnded(first);
  } catch (error) { toast(error.message); }
}

function watchEnded(given) {
  if (!given.created_at) return;
  const image = Object.values(given.input ?? {}).map(fileOf).filter((one) => one?.kind === "image");
  result = new Result(place, { text: data.streams.text, before: image.length === 1 ? image[0].address : undefined });
  result.show(given);
  result.close();
  estimate(given.metrics?.predict_time);
}

// What runs took lately, and cost.
function lately({ p50_s: median, p95_s: most, cost_p50: cost }) {
  const price = Number(cost) ? ` They cost about ${money(cost)}, ${Math.floor(1 / Number(cost)).toLocaleString("en")} for $1.` : "";
  part("lately").textContent = `Runs take about ${span(median * 1000)} on ${data.hardware}, 95 of 100 at most ${span(most * 1000)}.${price}`;
  part("lately").hidden = false;
}

if (data.estimate) lately(data.estimate);

if (deployment) {
  const link = make("a", { href: `/deployments/${deployment.split("/").map(encodeURIComponent).join("/")}` }, deployment);
  document.querySelector(".playground").before(make("p", { class: "banner" }, "Runs the deployment ", link, "."));
}
open();
