// The account's day in five figures, above the list of what ran.
import { call } from "./api.js";
import { make } from "./dom.js";
import { money } from "./format.js";

const EVERY_MS = 5000;
const MOST = 100;

// How many there are of a status, up to MOST.
async function count(status, since) {
  const { results, next } = await call(`/predictions?brief=true&limit=${MOST}&status=${status}${since ? `&created_after=${since}` : ""}`);
  return results.length.toLocaleString("en") + (next ? "+" : "");
}

async function figures() {
  const midnight = new Date(new Date().setHours(0, 0, 0, 0)).toISOString();
  const [running, waiting, failed, { total }] = await Promise.all([count("processing"), count("starting"), count("failed", midnight), call(`/usage?by=day&since=${midnight}`)]);
  return [["Running now", running], ["In line", waiting], ["Runs today", total.runs.toLocaleString("en")], ["Failed today", failed], Number(total.amount) && ["Cost today", money(total.amount)]].filter(Boolean);
}

// Fills the list and keeps it true while somebody looks.
export async function today(list) {
  if (!document.hidden) {
    try {
      list.replaceChildren(...(await figures()).map(([word, value]) => make("div", {}, make("dt", {}, word), make("dd", { class: "figure" }, value))));
    } catch { /* the list below says what is wrong */ }
  }
  setTimeout(() => today(list), EVERY_MS);
}
