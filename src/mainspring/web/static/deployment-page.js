// One deployment: what runs, how it does, its releases, and what its owner can change.
import { call } from "./api.js";
import { dialogForm } from "./ask.js";
import { button, codeBlock, make, toast, when } from "./dom.js";
import { census, figures } from "./figures.js";
import { ReleaseForm } from "./release-form.js";
import { rollout, stage } from "./rollout.js";
import { cell, head, row } from "./table.js";

const page = document.querySelector("[data-deployment]");
const part = (name) => page.querySelector(`[data-${name}]`);
const path = `/deployments/${page.dataset.deployment}`;
const EVERY_MS = 3000;
const runs = (release) => ({ model: release.model, version: release.version, ...release.configuration });
let releasesTold = "";

const version = ({ model, version: id }) => make("a", { href: `/${model}/versions/${id}` }, make("code", {}, `${model}@${id.slice(0, 8)}`));

async function change(body) {
  const changed = await call(path, { method: "PATCH", body });
  toast(`Release ${changed.current_release.number}: ${changed.rollout.state}`);
  await look();
  return changed;
}

function release(current, given, title, text) {
  const form = new ReleaseForm({ ...runs(current), ...given }, runs(current));
  return dialogForm({ title, text, fields: form.fields, action: "Release", submit: () => change(form.values()) });
}

function disable() {
  return dialogForm({
    title: "Disable the deployment?", text: "Its instances stop once they have done what they run. New predictions are refused until it is enabled again.",
    action: "Disable", danger: true, submit: () => change({ min_instances: 0, max_instances: 0 }),
  });
}

function remove() {
  return dialogForm({
    title: "Delete the deployment?", text: "Its releases are forgotten; its predictions stay. It has to be disabled, and unused for a while.",
    action: "Delete", danger: true,
    submit: async () => { await call(path, { method: "DELETE" }); location.href = "/deployments"; return true; },
  });
}

function actions(current) {
  const most = current.configuration.max_instances;
  const again = () => release(current, { max_instances: 1 }, "Enable the deployment", "A release like the last one, with instances.");
  return [make("a", { class: "button", href: `/${current.model}/versions/${current.version}?deployment=${encodeURIComponent(page.dataset.deployment)}` }, "Open in the playground"),
    button("Change release", () => release(current, {}, "Change release", "The release that serves goes on until this one is ready; if its setup fails, nothing changes.")),
    most ? button("Disable", disable, { class: "button danger" }) : button("Enable", again, { class: "button primary" })];
}

function banner({ state, serving_release: serving, failed_release: failed, error }, current) {
  if (state === "booting") return make("p", { class: "banner", role: "status" }, `Release ${current.number} boots. Release ${serving} takes predictions until it is ready.`);
  if (state === "disabled") return make("p", { class: "banner", role: "status" }, "It is disabled: it has no instances, and predictions are refused.");
  if (state === "rolled_back") return make("div", { class: "banner bad", role: "status" }, make("p", {}, `Release ${failed} was rolled back; release ${serving} takes predictions.`), error && make("pre", {}, error));
  return null;
}

function releaseRow(one, current) {
  const { hardware, min_instances: least, max_instances: most } = one.configuration;
  const back = one.number !== current.number && most > 0 && button("Run again", () => release(current, runs(one), `Release what ${one.number} was`, "A new release with this version, hardware and numbers."), { class: "button small", "aria-label": `Run again: release ${one.number}` });
  const told = one.error && make("details", { class: "told" }, make("summary", {}, one.error.split("\n")[0].slice(0, 120)), make("pre", { class: "pane logs" }, [one.error, one.logs].filter(Boolean).join("\n\n")));
  const lived = one.live_at ? make("span", {}, when(one.live_at), one.ended_at && " to ", one.ended_at && when(one.ended_at)) : make("span", { class: "muted" }, "never");
  return row(head("Release", make("code", {}, String(one.number))), cell("State", [stage(one.state), told]), cell("Version", version(one)), cell("Hardware", make("code", {}, hardware)),
    cell("Instances", `${least}–${most}`, { class: "figure" }), cell("Created", when(one.created_at)), cell("Served", lived), cell("", back, { class: "actions" }));
}

async function look() {
  const [one, { results }] = await Promise.all([call(path), call(`${path}/releases`)]);
  const current = one.current_release;
  part("census").replaceChildren(...census(one.now));
  const told = JSON.stringify([current, one.rollout, results]);
  if (told === releasesTold) return;
  releasesTold = told;
  const { hardware, min_instances: least, max_instances: most } = current.configuration;
  part("stage").replaceChildren(rollout(one.rollout));
  part("chips").replaceChildren(make("span", { class: "chip" }, version(current)), make("span", { class: "chip" }, hardware), make("span", { class: "chip" }, `${least}–${most} instances`), make("span", { class: "chip" }, `release ${current.number}`));
  part("actions").replaceChildren(...actions(current));
  part("banner").replaceChildren(banner(one.rollout, current) ?? "");
  part("releases").replaceChildren(...results.map((each) => releaseRow(each, current)));
}

async function every() {
  try { if (!document.hidden) await look(); } catch (error) { trouble(error); }
  setTimeout(every, EVERY_MS);
}

function trouble(error) {
  if (error.status === 404) location.href = "/deployments";
  else toast(error.message);
}

function sample() {
  const base = page.dataset.base;
  return `curl -s ${base}/v1/deployments/${page.dataset.deployment}/predictions \\\n  -H "Authorization: Bearer $REPLICATE_API_TOKEN" -H "Content-Type: application/json" \\\n  -H "Prefer: wait" -d '{"input": {}}'`;
}

part("call").append(codeBlock(sample(), "Run it"));
part("delete").addEventListener("click", remove);
look().then(() => {
  figures(part("figures"), path, { now: (now) => part("census").replaceChildren(...census(now)) });
  setTimeout(every, EVERY_MS);
}).catch(trouble);
