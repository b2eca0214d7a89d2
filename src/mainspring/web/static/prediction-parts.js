// What the pages of a prediction are made of: its facts, and its input.
import { make, when } from "./dom.js";
import { exact, money, span } from "./format.js";
import { fileOf, preview } from "./output.js";
import { tree } from "./tree.js";

export const isTraining = (one) => one.urls?.get.includes("/trainings/") ?? false;

// The page of the version that ran, whatever it was asked for by.
export const versionPage = ({ model, version, ran }) => `/${ran?.model ?? model}/versions/${ran?.version ?? version}`;

function costs({ cost }) {
  const elsewhere = cost.at_replicate && ` (${money(cost.at_replicate)} at Replicate)`;
  return make("span", { class: "figure" }, money(cost.amount), elsewhere && make("span", { class: "muted" }, elsewhere));
}

// kept: whether its data stays although its time may pass.
export function facts(one, kept = false) {
  const actual = one.ran?.version ?? one.version;
  const version = make("a", { href: versionPage(one) }, make("code", { title: actual }, actual.slice(0, 12)));
  const started = one.timeline?.started_at ?? one.started_at;
  const { predict_time: ran, total_time: total } = one.metrics ?? {};
  const figure = (ms) => make("span", { class: "figure" }, span(ms));
  const rows = [["Model", make("a", { href: `/${one.model}` }, one.model)], ["Version", version],
    actual !== one.version && ["Asked as", make("span", {}, make("code", { title: one.version }, one.version.length === 64 ? one.version.slice(0, 12) : one.version), " ", make("span", { class: "chip" }, "alias"))],
    one.ran?.weights && ["Weights", one.ran.weights], one.deployment && ["Deployment", make("a", { href: `/deployments/${one.deployment}` }, one.deployment)],
    one.source && ["Source", one.source === "web" ? "web" : "API"], one.hardware && ["Hardware", make("code", {}, one.hardware)], ["Created", when(one.created_at)],
    started && ["Queued", figure(Date.parse(started) - Date.parse(one.created_at))], ran !== undefined && ["Ran", figure(ran * 1000)], total !== undefined && ["Total", figure(total * 1000)],
    one.cached && ["Answered", `${one.cached.joined ? "by a run under way" : `from a result ${span(one.cached.age * 1000)} old`}; ${span(one.cached.seconds_saved * 1000)} saved`],
    one.cost && ["Cost", costs(one)], one.completed_at && ["Completed", when(one.completed_at)], one.deadline && ["Deadline", when(one.deadline)],
    one.expires_at && !one.data_removed && !kept && ["Kept until", exact(one.expires_at)]];
  return rows.filter(Boolean).map(([word, value]) => make("div", {}, make("dt", {}, word), make("dd", {}, value)));
}

function value(one) {
  if (typeof one === "string" && !fileOf(one)) return [make("pre", {}, one)];
  if (one && typeof one === "object" && !Array.isArray(one)) return [tree(one)];
  return Array.isArray(one) && !one.some(fileOf) ? [make("code", {}, JSON.stringify(one))] : preview(one);
}

export function inputs({ input, data_removed: removed }) {
  const entries = Object.entries(input ?? {});
  if (removed) return [make("p", { class: "muted" }, "The input was removed.")];
  if (!entries.length) return [make("p", { class: "muted" }, "It was given no input.")];
  return [make("div", { class: "pane" }, make("dl", { class: "value-rows" }, ...entries.map(([name, one]) => make("div", {}, make("dt", {}, name), make("dd", {}, ...value(one))))))];
}

// The one picture that went in, to be compared with the one that came out.
export function pictureIn({ input }) {
  const pictures = Object.values(input ?? {}).map(fileOf).filter((one) => one?.kind === "image");
  return pictures.length === 1 ? pictures[0].address : undefined;
}
