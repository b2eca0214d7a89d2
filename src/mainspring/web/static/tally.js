// Sums as cards: [word, figure, what it means].
import { call } from "./api.js";
import { make } from "./dom.js";
import { money, span } from "./format.js";

const EVERY_MS = 10_000;
const day = (ms) => new Date(ms).toISOString().slice(0, 10);
export const whole = (number) => number.toLocaleString("en");

export function cards(list, rows) {
  list.replaceChildren(...rows.filter(Boolean).map(([word, figure, told]) => make("div", {}, make("dt", {}, word), make("dd", {}, figure), told && make("dd", {}, told))));
}

// What of the month was before today, kept: only today's is asked for again and again.
let before = null;

async function month(today) {
  const first = `${today.slice(0, 7)}-01`;
  if (before?.today !== today) {
    const { total } = first === today ? { total: { amount: "0", list_amount: "0", active_time: 0 } } : await call(`/usage?since=${first}&until=${today}`);
    before = { today, total };
  }
  return before.total;
}

// Keep the cards of the predictions' page true. compare: whether Replicate's prices are told; priced: whether anything costs.
export async function tally(list, { compare, priced }) {
  try {
    const today = day(Date.now());
    const then = await month(today);
    const { total, unfinished, limits } = await call(`/usage?since=${today}`);
    const sum = (name) => Number(then[name]) + Number(total[name]);
    const limit = limits.find((one) => one.period === "month" && !one.token && one.hard !== null);
    const spent = sum("amount");
    const there = compare && `${money(sum("list_amount"))} at Replicate`;
    cards(list, [
      ["Runs today", whole(total.runs), "since 00:00 UTC"],
      ["Running now", whole(unfinished.processing), unfinished.starting ? `${whole(unfinished.starting)} in line` : "nobody waits"],
      ["Failed today", whole(total.failed), total.runs ? `of ${whole(total.runs)}` : "nothing ran yet"],
      ["Spent this month", make("a", { href: "/usage" }, spent || priced ? money(spent) : "nothing"), limit ? `of ${money(Number(limit.hard))}` : there || `${span(sum("active_time") * 1000)} of work${spent || priced ? "" : ", free"}`],
    ]);
    list.hidden = false;
  } catch { /* the list below says what is wrong */ }
  setTimeout(() => tally(list, { compare, priced }), document.hidden ? 6 * EVERY_MS : EVERY_MS);
}
