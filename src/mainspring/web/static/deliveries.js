// Webhook deliveries: what was sent, how each try went, and sending again.
import { call } from "./api.js";
import { button, icon, make, toast, when } from "./dom.js";
import { exact, span } from "./format.js";
import { body, cell, head, row, table } from "./table.js";

const shapes = { waiting: "starting", pending: "processing", delivered: "succeeded", superseded: "aborted", failed: "failed", dead: "failed" };
const EVERY_MS = 3000;

function tries(one) {
  if (!one.attempts.length) return make("span", { class: "muted" }, "none yet");
  const rows = one.attempts.map(({ attempt, at, status, duration, error }) => make("li", {}, make("span", { class: "figure" }, `${attempt}. `), make("span", { class: "figure" }, status === null ? "no answer" : String(status)),
    ` after ${span(duration * 1000)}, `, when(at), error && make("span", { class: "muted" }, `: ${error}`)));
  const last = one.attempts.at(-1);
  return make("details", { class: "tries" }, make("summary", {}, `${one.attempts.length}, last ${last.status ?? "without an answer"} in ${span(last.duration * 1000)}`), make("ol", {}, ...rows));
}

// A row of a table. withPrediction: for lists about several predictions.
export function delivery(one, sent, withPrediction = false) {
  const state = make("span", { class: "state", data: { state: shapes[one.state] } }, icon(shapes[one.state]), one.state === "dead" ? "given up" : one.state);
  const again = button("Send again", async () => {
    again.disabled = true;
    try {
      await call(`/predictions/${one.prediction}/deliveries/${one.id}/resend`, { method: "POST" });
      toast("Sending it again");
      sent();
    } catch (error) { toast(error.message); again.disabled = false; }
  }, { class: "button small", "aria-label": `Send again: ${one.event}` });
  const next = one.next_attempt_at && make("span", { class: "under", title: exact(one.next_attempt_at) }, `next try in ${span(Math.max(0, Date.parse(one.next_attempt_at) - Date.now()))}`);
  return row(cell("State", [state, next]), withPrediction && cell("Prediction", make("a", { href: `/p/${one.prediction}`, title: one.prediction }, make("code", { class: "id" }, one.prediction.slice(0, 12)))),
    head("Event", one.event), cell("URL", make("code", { title: one.url }, one.url), { class: "address" }), cell("Tries", tries(one)), cell("", one.state === "waiting" ? "" : again, { class: "actions" }));
}

// {box, rows}: the table, and where its rows go.
export function deliveryTable(withPrediction = false) {
  const rows = body();
  const made = table("Webhook deliveries", ["State", ...(withPrediction ? ["Prediction"] : []), "Event", "URL", "Tries", ""].map((word) => [word]));
  made.table.append(rows);
  return { box: made.box, rows };
}

// Those of one prediction, looked at again while something is on its way.
export async function deliveries(place, id) {
  const { box, rows } = deliveryTable();
  let told = "";
  let timer = 0;
  async function look() {
    clearTimeout(timer);
    try {
      const { results } = await call(`/predictions/${id}/deliveries`);
      const text = JSON.stringify(results);
      if (text !== told) rows.replaceChildren(...results.map((one) => delivery(one, look)));
      told = text;
      if (results.some(({ state }) => state === "pending" || state === "waiting")) timer = setTimeout(look, EVERY_MS);
    } catch (error) { toast(error.message); }
  }
  place.replaceChildren(make("h2", {}, "Webhook deliveries"), box);
  place.hidden = false;
  await look();
}
