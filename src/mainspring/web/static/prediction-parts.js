// What the pages of a prediction are made of: its facts, and its input.
import { make } from "./dom.js";
import { ago, money, span } from "./format.js";
import { fileOf, preview, tree } from "./output.js";

export const isTraining = (one) => one.urls?.get.includes("/trainings/") ?? false;

export function moment(text) {
  return make("time", { dateTime: text, title: new Date(text).toLocaleString(), data: { ago: "" } }, ago(text));
}

// kept: whether its data stays although its time may pass.
export function facts(one, kept = false) {
  const version = make("a", { href: `/${one.model}/versions/${one.version}` }, make("code", { title: one.version }, one.version.slice(0, 12)));
  const started = one.timeline?.started_at ?? one.started_at;
  const { predict_time: ran, total_time: total, cost } = one.metrics ?? {};
  const rows = [["Model", make("a", { href: `/${one.model}` }, one.model)], ["Version", version], one.deployment && ["Deployment", make("a", { href: `/deployments/${one.deployment}` }, one.deployment)],
    one.source && ["Source", one.source === "web" ? "web" : "API"], one.hardware && ["Hardware", one.hardware], ["Created", moment(one.created_at)],
    started && ["Queued", span(Date.parse(started) - Date.parse(one.created_at))], ran !== undefined && ["Ran", span(ran * 1000)], total !== undefined && ["Total", span(total * 1000)],
    one.cached && ["Answered", `${one.cached.joined ? "by a run under way" : `from a result ${span(one.cached.age * 1000)} old`}; ${span(one.cached.seconds_saved * 1000)} saved`],
    cost !== undefined && ["Cost", money(cost)], one.completed_at && ["Completed", moment(one.completed_at)], one.deadline && ["Deadline", moment(one.deadline)],
    one.expires_at && !one.data_removed && !kept && ["Kept until", new Date(one.expires_at).toLocaleString()]];
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
