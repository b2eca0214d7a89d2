// Everything that ran, newest first: live, narrowed by filters, page after page.
import { call, signIn } from "./api.js";
import { Filters } from "./filters.js";
import { Row } from "./run-rows.js";
import { tally } from "./tally.js";

const PAGE = 50;
const MOST_ROWS = 1000;
const LOOKS = 4;
const page = document.querySelector("[data-dashboard]");
const part = (name) => page.querySelector(`[data-${name}]`);
const kind = page.dataset.dashboard;
const rows = new Map();
let next = null;
let turn = 0;
let timer = 0;
let wait = 1000;
let unseen = 0;

async function ask(more = {}) {
  const query = filters.query;
  for (const [name, value] of Object.entries({ brief: "true", limit: PAGE, ...more })) query.set(name, value);
  const found = await call(`/${kind}s?${query}`);
  if (!Row.costs && found.results.some((one) => one.cost)) showCosts();
  return found;
}

function showCosts() {
  Row.costs = true;
  part("cost").hidden = false;
  for (const row of rows.values()) row.cost.hidden = false;
}

// Somebody reads rows further down, or moves over them by keys: what comes at the top must not push them away.
const top = () => part("box").getBoundingClientRect().top;
const reading = () => top() < 48 || part("rows").contains(document.activeElement);

function keepingPlace(change) {
  const shown = [...part("rows").children];
  const held = reading() ? shown.find((one) => one.contains(document.activeElement)) ?? shown.find((one) => one.getBoundingClientRect().bottom > 96) : undefined;
  const before = held?.getBoundingClientRect().top;
  change();
  if (held?.isConnected) window.scrollBy(0, held.getBoundingClientRect().top - before);
}

function place(one, fresh) {
  const row = new Row(one, { training: kind === "training" });
  const after = [...part("rows").children].find((other) => other.dataset.id < one.id);
  part("rows").insertBefore(row.element, after ?? null);
  rows.set(one.id, row);
  if (fresh) row.tint();
}

function drop(row) {
  rows.delete(row.id);
  row.element.remove();
}

function draw() {
  const none = rows.size === 0;
  part("asking").hidden = true;
  part("box").hidden = none;
  part("none").hidden = !none || filters.any;
  part("nothing").hidden = !none || !filters.any;
  part("older").hidden = next === null;
  if (!reading() || top() > 0) unseen = 0;
  part("newer").hidden = unseen === 0;
  part("newer").firstChild.textContent = `${unseen} new`;
}

function trouble(error) {
  if (error?.status === 401) signIn();
  part("trouble").textContent = error?.message ?? "";
  part("trouble").hidden = !error;
  if (error) part("asking").hidden = true;
}

async function load() {
  const mine = turn += 1;
  clearTimeout(timer);
  try {
    const found = await ask();
    if (mine !== turn) return;
    trouble(null);
    [...rows.values()].forEach(drop);
    for (const one of found.results) place(one, false);
    next = cursor(found.next);
    unseen = 0;
    draw();
  } catch (error) {
    if (mine !== turn) return;
    trouble(error);
  }
  again();
}

const cursor = (url) => (url ? new URL(url).searchParams.get("cursor") : null);

function again() {
  clearTimeout(timer);
  timer = setTimeout(poll, document.hidden ? 15_000 : wait);
}

// What the newest page says is true: rows in its range that it lacks are no longer like that.
function merge(found) {
  const seen = new Set(found.results.map((one) => one.id));
  const oldest = found.next ? found.results.at(-1).id : "";
  let changed = 0;
  for (const row of [...rows.values()]) if (row.id >= oldest && !seen.has(row.id)) { drop(row); changed += 1; }
  for (const one of found.results) {
    const row = rows.get(one.id);
    if (row) {
      changed += row.one.status === one.status ? 0 : 1;
      row.show(one);
    } else {
      place(one, true);
      changed += 1;
      unseen += 1;
    }
  }
  return changed;
}

async function poll() {
  const mine = turn;
  try {
    const found = await ask();
    if (mine !== turn) return;
    trouble(null);
    const gap = found.next && rows.size && !found.results.some((one) => rows.has(one.id));
    if (gap || (rows.size > MOST_ROWS && !reading())) { await load(); return; }
    if (!rows.size) next = cursor(found.next);
    let changed = 0;
    keepingPlace(() => { changed = merge(found); });
    await lookFurther(found, mine);
    if (mine !== turn) return;
    draw();
    const busy = changed || [...rows.values()].some((row) => row.open);
    wait = busy ? 1000 : Math.min(wait * 1.3, 4000);
  } catch (error) {
    if (mine !== turn) return;
    trouble(error);
    wait = Math.min(wait * 2, 15_000);
  }
  again();
}

// Rows beyond the newest page that have not ended are asked for one by one, a few at a time.
async function lookFurther(found, mine) {
  const seen = new Set(found.results.map((one) => one.id));
  const open = [...rows.values()].filter((row) => row.open && !seen.has(row.id)).slice(0, LOOKS);
  const told = await Promise.all(open.map((row) => call(`/${kind}s/${row.id}`).catch(() => null)));
  if (mine !== turn) return;
  told.forEach((one, at) => { if (one) open[at].show(one); });
}

async function older() {
  const mine = turn;
  part("older").disabled = true;
  try {
    const found = await ask({ cursor: next });
    if (mine !== turn) return;
    const first = found.results[0]?.id;
    for (const one of found.results) if (!rows.has(one.id)) place(one, false);
    next = cursor(found.next);
    draw();
    if (first) rows.get(first)?.element.querySelector("a.row").focus({ preventScroll: true });
  } catch (error) { trouble(error); } finally { part("older").disabled = false; }
}

const filters = new Filters(part("filters"), load);
part("older").addEventListener("click", older);
part("newer").firstChild.addEventListener("click", () => { part("rows").firstElementChild?.scrollIntoView({ block: "center" }); document.activeElement.blur(); unseen = 0; draw(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) { wait = 1000; again(); } });
document.addEventListener("scroll", () => { if (unseen && top() > 0) { unseen = 0; part("newer").hidden = true; } }, { passive: true });
setInterval(() => { for (const row of rows.values()) if (row.open) row.tick(); }, 1000);
if (kind === "prediction") tally(part("tallies"), page.dataset);
load();
