// Webhook deliveries: what was sent, how each try went, and sending again.
import { call } from "./api.js";
import { button, icon, make, toast } from "./dom.js";
import { ago, span } from "./format.js";

const shapes = { waiting: "starting", pending: "processing", delivered: "succeeded", superseded: "aborted", failed: "failed", dead: "failed" };
const EVERY_MS = 3000;

function tries(one) {
  if (!one.attempts.length) return make("span", { class: "muted" }, "none yet");
  const rows = one.attempts.map(({ attempt, at, status, duration, error }) => make("li", {}, make("span", { class: "figure" }, `${attempt}. `), make("span", { class: "figure" }, status === null ? "no answer" : String(status)),
    ` after ${span(duration * 1000)}, `, make("time", { dateTime: at, title: new Date(at).toLocaleString() }, ago(at)), error && make("span", { class: "muted" }, `: ${error}`)));
  const last = one.attempts.at(-1);
  return make("details", { class: "tries" }, make("summary", {}, `${one.attempts.length}, last ${last.status ?? "without an answer"} in ${span(last.duration * 1000)}`), make("ol", {}, ...rows));
}

// A row of a table. withPrediction: for lists about several predictions.
export function row(one, sent, withPrediction = false) {
  const state = make("span", { class: "state", data: { state: shapes[one.state] } }, icon(shapes[one.state]), one.state === "dead" ? "given up" : one.state);
  const again = button("Send again", async () => {
    again.disabled = true;
    try {
      await call(`/predictions/${one.prediction}/deliveries/${one.id}/resend`, { method: "POST" });
      toast("Sending it again");
      sent();
    } catch (error) { toast(error.message); again.disabled = false; }
  }, { class: "button small", "aria-label": `Send again: ${one.event}` });
  const next = one.next_attempt_at && make("span", { class: "muted" }, ` next ${new Date(one.next_attempt_at).toLocaleTimeString()}`);
  return make("tr", {}, make("td", {}, state, next), withPrediction && make("td", {}, make("a", { href: `/p/${one.prediction}` }, make("code", { class: "id" }, `${one.prediction.slice(0, 8)}…`))),
    make("th", { scope: "row" }, one.event), make("td", { class: "address" }, make("code", { title: one.url }, one.url)), make("td", {}, tries(one)), make("td", { class: "actions" }, one.state === "waiting" ? "" : again));
}

export function table(withPrediction = false) {
  const heads = ["State", withPrediction && "Prediction", "Event", "URL", "Tries"].filter(Boolean).map((word) => make("th", { scope: "col" }, word));
  const body = make("tbody");
  const box = make("div", { class: "table-box", tabIndex: 0, role: "region", "aria-label": "Webhook deliveries" }, make("table", { class: "table" }, make("thead", {}, make("tr", {}, ...heads, make("th", { scope: "col" }, make("span", { class: "sr" }, "Actions")))), body));
  return { box, body };
}

// Those of one prediction, looked at again while something is on its way.
export async function deliveries(place, id) {
  const { box, body } = table();
  let told = "";
  let timer = 0;
  async function look() {
    clearTimeout(timer);
    try {
      const { results } = await call(`/predictions/${id}/deliveries`);
      const text = JSON.stringify(results);
      if (text !== told) body.replaceChildren(...results.map((one) => row(one, look)));
      told = text;
      if (results.some(({ state }) => state === "pending" || state === "waiting")) timer = setTimeout(look, EVERY_MS);
    } catch (error) { toast(error.message); }
  }
  place.replaceChildren(make("h2", {}, "Webhook deliveries"), box);
  place.hidden = false;
  await look();
}
