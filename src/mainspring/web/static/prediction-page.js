// The page of a prediction: all of it, live while it runs.
import { call, cancel, ended, predict, prediction as look } from "./api.js";
import { button, copier, make, toast } from "./dom.js";
import { ago, span } from "./format.js";
import { follow } from "./follow.js";
import { fileOf, preview, tree } from "./output.js";
import { Result } from "./result.js";

const page = document.querySelector("[data-prediction]");
const part = (name) => page.querySelector(`[data-${name}]`);
const id = page.dataset.prediction;
let following = null;

function moment(text) {
  return make("time", { dateTime: text, title: new Date(text).toLocaleString(), data: { ago: "" } }, ago(text));
}

function facts(one) {
  const short = make("code", { title: one.version }, one.version.slice(0, 12));
  const version = make("a", { href: `/${one.model}/versions/${one.version}` }, short);
  const told = one.timeline ?? {};
  const started = told.started_at ?? one.started_at;
  const rows = [["Model", make("a", { href: `/${one.model}` }, one.model)], ["Version", version], one.deployment && ["Deployment", one.deployment],
    ["Source", one.source === "web" ? "web" : "API"], one.hardware && ["Hardware", one.hardware], ["Created", moment(one.created_at)],
    started && ["Queued", span(Date.parse(started) - Date.parse(one.created_at))],
    one.metrics?.predict_time !== undefined && ["Ran", span(one.metrics.predict_time * 1000)],
    one.metrics?.total_time !== undefined && ["Total", span(one.metrics.total_time * 1000)],
    one.completed_at && ["Completed", moment(one.completed_at)], one.deadline && ["Deadline", moment(one.deadline)]];
  return rows.filter(Boolean).map(([word, value]) => make("div", {}, make("dt", {}, word), make("dd", {}, value)));
}

function inputs(input) {
  const entries = Object.entries(input ?? {});
  if (!entries.length) return [make("p", { class: "muted" }, "It was given no input.")];
  const value = (one) => {
    if (typeof one === "string" && !fileOf(one)) return [make("pre", {}, one)];
    return one && typeof one === "object" && !Array.isArray(one) ? [tree(one)] : Array.isArray(one) && !one.some(fileOf) ? [make("code", {}, JSON.stringify(one))] : preview(one);
  };
  return [make("div", { class: "pane" }, make("dl", { class: "value-rows" }, ...entries.map(([name, one]) => make("div", {}, make("dt", {}, name), make("dd", {}, ...value(one))))))];
}

function actions(one, result) {
  const again = button("Run again", async () => {
    again.disabled = true;
    try { location.href = `/p/${(await predict(`${one.model}:${one.version}`, one.input)).id}`; } catch (error) { toast(error.message); again.disabled = false; }
  });
  // Secrets come back masked: they have to be given again.
  const masked = Object.values(one.input ?? {}).flat().includes("**********");
  const stop = button("Cancel", async () => {
    stop.disabled = true;
    try { await cancel(id); following.hurry(); } catch (error) { toast(error.message); stop.disabled = false; }
  }, { class: "button danger" });
  const edit = make("a", { class: "button", href: `/${one.model}/versions/${one.version}?from=${id}` }, "Edit in the playground");
  if (!ended(one.status)) return [stop, edit];
  return masked ? [edit] : [again, edit];
}

async function isText({ model, version }) {
  try {
    const { openapi_schema: schema } = await call(`/models/${model}/versions/${version}`);
    return schema?.components?.schemas?.Output?.["x-cog-array-display"] === "concatenate";
  } catch { return false; }
}

function trouble(text) {
  part("trouble").textContent = text;
  part("trouble").hidden = !text;
}

async function open() {
  let first;
  try { first = await look(id); } catch (error) {
    part("result").replaceChildren(make("div", { class: "empty" }, make("p", {}, error.status === 404 ? "Your account has no prediction with this id." : error.message)));
    return;
  }
  const text = await isText(first);
  const image = Object.values(first.input ?? {}).map(fileOf).filter((one) => one?.kind === "image");
  const result = new Result(part("result"), { text, before: image.length === 1 ? image[0].address : undefined });
  let shown = "";
  const show = (one) => {
    trouble("");
    result.show(one);
    part("facts").replaceChildren(...facts(one));
    if (shown !== one.status) part("actions").replaceChildren(...actions(one, result));
    shown = one.status;
  };
  part("input").replaceChildren(...inputs(first.input));
  result.more.append(copier(() => location.href, "Copy the link"));
  show(first);
  if (!ended(first.status)) following = follow(first, { text, changed: show, said: (output) => result.say(output), lost: (error) => trouble(error.message) });
}

open();
