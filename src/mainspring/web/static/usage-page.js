// Usage and limits: sums of a stretch of time, by day as bars and by key as a table, as CSV; what may be spent.
import { call, signIn } from "./api.js";
import { Bars, dayWords } from "./bars.js";
import { make, segments } from "./dom.js";
import { money, span } from "./format.js";
import { LimitList } from "./limits.js";
import { cards, whole } from "./tally.js";

const DAY_MS = 86_400_000;
const page = document.querySelector("[data-usage]");
const part = (name) => page.querySelector(`[data-${name}]`);
const { usage: account, reader, operator, compare, priced } = page.dataset;
const names = new Map();
const bars = new Bars();
let range = "month";
let key = "day";
let measure = null;
let turn = 0;

// --- stretches of time, in days of UTC

const day = (ms) => new Date(ms).toISOString().slice(0, 10);
const month = (back) => { const now = new Date(); return Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1); };
const ranges = {
  month: ["This month", () => [month(0), month(-1)]],
  last: ["Last month", () => [month(1), month(0)]],
  week: ["7 days", () => [Date.parse(day(Date.now())) - 6 * DAY_MS, Date.parse(day(Date.now())) + DAY_MS]],
  quarter: ["90 days", () => [Date.parse(day(Date.now())) - 89 * DAY_MS, Date.parse(day(Date.now())) + DAY_MS]],
};

function asked(by) {
  const [since, until] = ranges[range][1]();
  return new URLSearchParams({ by, since: day(since), until: day(until), account });
}

// --- what is told of a sum

const seconds = (value) => span(value * 1000);
const measures = {
  amount: ["Cost", (one) => Number(one.amount), money],
  list_amount: ["At Replicate", (one) => Number(one.list_amount), money],
  runs: ["Runs", (one) => one.runs, whole],
  active_time: ["Time at work", (one) => one.active_time, seconds],
};
const parts = { setup: "setup", idle: "idle", active: "at work", lost: "lost" };

function forecast({ total, since, until }) {
  const [from, to] = [Date.parse(since), Date.parse(until)];
  const gone = Date.now() - from;
  if (range !== "month" || gone < DAY_MS || !Number(total.amount)) return "";
  return `about ${money((Number(total.amount) * (to - from)) / gone)} by its end`;
}

function saved({ amount, list_amount: there }) {
  const less = Number(there) - Number(amount);
  return less > 0 ? `${money(less)} less here` : "";
}

function tallies({ total, ...told }) {
  const tokens = total.input_tokens || total.output_tokens;
  cards(part("tallies"), [
    ["Spent", Number(total.amount) || priced ? money(Number(total.amount)) : "nothing", forecast({ total, ...told }) || (Number(total.amount) || priced ? "" : "runs are free here")],
    compare && ["At Replicate", money(Number(total.list_amount)), saved(total)],
    ["Runs", whole(total.runs), total.failed ? `${whole(total.failed)} failed` : ""],
    ["Time at work", seconds(total.active_time), ""],
    tokens > 0 && ["Tokens", whole(total.output_tokens), `written, ${whole(total.input_tokens)} read`],
    total.images > 0 && ["Images", whole(total.images), ""],
  ]);
}

// Where the time of instances went.
function strip(total) {
  const found = Object.keys(parts).map((name) => [name, total[`${name}_time`]]).filter(([, time]) => time > 0);
  if (!found.length) { part("strip").replaceChildren(); return; }
  const pieces = found.map(([name, time]) => { const piece = make("i", { data: { part: name } }); piece.style.flexGrow = String(time); return piece; });
  const told = found.map(([name, time]) => make("li", { data: { part: name } }, `${parts[name]} `, make("b", {}, seconds(time))));
  const alone = total.setup_time + total.idle_time + total.lost_time > 0;
  part("strip").hidden = !alone;
  part("strip").replaceChildren(make("div", { class: "strip", "aria-hidden": "true" }, ...pieces), make("ul", { class: "strip-words", "aria-label": "Time of instances" }, ...told),
    make("p", { class: "help" }, "Setup and idle time are paid for where instances are yours alone: those of private models and deployments. What was lost with an instance is free."));
}

function plot({ results, since, until }) {
  const found = new Map(results.map((one) => [one.key, one]));
  const [word, value, tell] = measures[measure];
  const days = [];
  for (let at = Date.parse(since); at < Date.parse(until); at += DAY_MS) days.push({ day: day(at), value: found.has(day(at)) ? value(found.get(day(at))) : at > Date.now() ? null : 0 });
  bars.show(word, days, tell, measure === "runs");
}

// --- sums by key

function naming(one) {
  const link = (href) => make("a", { href, title: one.key }, one.key);
  if (key === "day") return dayWords(one.key);
  if (!one.key) return make("span", { class: "muted" }, { token: "pages and idle instances", deployment: "without a deployment", hardware: "none" }[key] ?? "none");
  if (key === "model") return link(`/${one.key}`);
  if (key === "deployment") return link(`/deployments/${one.key}`);
  return key === "token" ? make("span", { title: one.key }, names.get(one.key) ?? one.key) : make("code", {}, one.key);
}

function bar(one, most) {
  const [, value] = measures[measure];
  const line = make("i", {});
  line.style.width = `${(100 * value(one)) / (most || 1)}%`;
  return make("span", { class: "gauge share", "aria-hidden": "true" }, line);
}

const columns = [["Runs", (one) => whole(one.runs)], ["Failed", (one) => whole(one.failed), "less"], ["Setup", (one) => seconds(one.setup_time), "less"], ["Idle", (one) => seconds(one.idle_time), "less"],
  ["At work", (one) => seconds(one.active_time), "less"], ["Cost", (one) => `$${one.amount}`], ...(compare ? [["At Replicate", (one) => `$${one.list_amount}`, "less"]] : [])];

function table({ results, total }) {
  const [, value] = measures[measure];
  const most = Math.max(0, ...results.map(value));
  const cells = (one) => columns.map(([, tell, kind]) => make("td", { class: `figure ${kind ?? ""}` }, tell(one)));
  const rows = (key === "day" ? results.toReversed() : results).map((one) => make("tr", {}, make("th", { scope: "row", class: "key" }, naming(one), bar(one, most)), ...cells(one)));
  const head = make("tr", {}, make("th", { scope: "col", class: "key" }, keys[key]), ...columns.map(([word, , kind]) => make("th", { scope: "col", class: `number ${kind ?? ""}` }, word)));
  part("table").replaceChildren(make("div", { class: "table-box", tabIndex: 0, role: "region", "aria-label": `Usage by ${key}` }, make("table", { class: "table sums" }, make("caption", { class: "sr" }, `Usage by ${key}`),
    make("thead", {}, head), make("tbody", {}, ...rows), make("tfoot", {}, make("tr", {}, make("th", { scope: "row", class: "key" }, "In all"), ...cells(total))))));
}

// --- asking

function trouble(error) {
  if (error?.status === 401) signIn();
  part("trouble").textContent = error?.message ?? "";
  part("trouble").hidden = !error;
  if (error) part("asking").hidden = true;
}

let told = null;

function draw() {
  const { days, sums } = told;
  const nothing = !days.results.length;
  plot(days);
  table(sums);
  for (const name of ["plot", "table"]) part(name).hidden = nothing;
  part("keys").parentElement.hidden = part("measures").hidden = nothing;
  part("none").hidden = !nothing;
}

async function look() {
  const mine = turn += 1;
  document.querySelector("[data-csv]").href = `/v1/usage?${asked(key)}&format=csv`;
  try {
    const days = await call(`/usage?${asked("day")}`);
    const sums = key === "day" ? days : await call(`/usage?${asked(key)}`);
    if (mine !== turn) return;
    trouble(null);
    const ends = [Date.parse(days.since), Math.min(Date.parse(days.until) - 1, Date.now())].map((ms) => dayWords(day(ms)));
    part("span").textContent = [...new Set(ends)].join(" – ");
    told = { days, sums };
    tallies(days);
    strip(days.total);
    limits.show(days.limits);
    measure ??= ["amount", ...(compare ? ["list_amount"] : []), "runs"].find((name) => Number(days.total[name])) ?? "runs";
    if (!part("measures").firstChild) segments(part("measures"), Object.entries(measures).filter(([name]) => compare || name !== "list_amount").map(([name, [word]]) => [name, word]), (name) => { measure = name; draw(); }, measure);
    else draw();
    part("asking").hidden = true;
    for (const one of page.querySelectorAll("[data-shown]")) one.hidden = false;
  } catch (error) {
    if (mine === turn) trouble(error);
  }
}

const keys = { day: "Day", model: "Model", token: "Token", deployment: "Deployment", hardware: "Hardware" };
const limits = new LimitList({ list: part("limits"), none: part("unlimited"), account, reader, operator, names, changed: (found) => limits.show(found) });
part("plot").append(bars.element);
part("set").addEventListener("click", () => limits.set());

async function open() {
  try {
    for (const one of (await call("/tokens")).results) if (!one.disabled_at) names.set(one.id, one.name || `…${one.last_four}`);
  } catch { /* ids do as well */ }
  segments(part("ranges"), Object.entries(ranges).map(([name, [word]]) => [name, word]), (name) => { range = name; if (told) look(); });
  segments(part("keys"), Object.entries(keys), (name) => { key = name; look(); });
}

open();
