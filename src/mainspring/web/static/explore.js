// Search as you type: first what is on the page; what the server finds when there are more pages, or nothing here fits.
import { findModels } from "./api.js";
import "./covers.js";
import { cover } from "./cover.js";
import { make } from "./dom.js";

const list = document.querySelector("[data-cards]");
const field = document.querySelector("[data-search]");
const none = document.querySelector("[data-none]");
const count = document.querySelector("[data-count]");
let timer = 0;
let asked = 0;

// The page may load pictures of this server, and of other hosts only those that it came with.
const ours = (url) => url?.startsWith(`${location.origin}/outputs/`) && make("img", { src: url, alt: "", loading: "lazy" });

function card({ owner, name, description, run_count: runs, visibility, hardware, cover_image_url: picture }) {
  const link = make("a", { href: `/${encodeURIComponent(owner)}/${encodeURIComponent(name)}` }, make("span", { class: "muted" }, `${owner}/`), name);
  const foot = make("p", { class: "card-foot" }, make("span", { class: "figure" }, `${runs.toLocaleString("en")} ${runs === 1 ? "run" : "runs"}`),
    make("span", {}, hardware), visibility === "private" && make("span", { class: "chip" }, "private"));
  return make("li", { class: "card", data: { model: `${owner}/${name}`, text: `${owner}/${name} ${description ?? ""}`, found: "1" } },
    make("div", { class: "card-cover" }, cover(`${owner}/${name}`), ours(picture)),
    make("div", { class: "card-body" }, make("h2", {}, link), make("p", { class: "card-text" }, description ?? ""), foot));
}

const near = document.querySelector("[data-near]");
const wanted = () => field.value.toLowerCase().split(/\s+/).filter(Boolean);

function filter(found = new Set()) {
  const words = wanted();
  const cards = [...list.children];
  const exact = cards.filter((one) => words.every((word) => one.dataset.text.toLowerCase().includes(word)));
  const shown = new Set(exact.length ? exact : cards.filter((one) => found.has(one.dataset.model)));
  for (const one of cards) one.hidden = !shown.has(one);
  near.hidden = exact.length > 0 || !shown.size;
  none.hidden = exact.length > 0;
  none.querySelector("p").hidden = shown.size > 0;
  count.textContent = `${shown.size} ${shown.size === 1 ? "model" : "models"}`;
  return exact.length;
}

async function more() {
  const text = field.value.trim();
  const turn = asked += 1;
  if (!text || (!list.dataset.more && filter())) return;
  try {
    const found = await findModels(text);
    if (turn !== asked) return;
    const known = new Set([...list.children].map((one) => one.dataset.model));
    list.append(...found.filter((one) => !known.has(`${one.owner}/${one.name}`)).map(card));
    filter(new Set(found.map((one) => `${one.owner}/${one.name}`)));
  } catch { /* not signed in: what is on the page has to do */ }
}

if (list) {
  field.form.addEventListener("submit", (event) => event.preventDefault());
  field.addEventListener("input", () => {
    filter();
    clearTimeout(timer);
    timer = setTimeout(more, 200);
    history.replaceState(null, "", field.value ? `/?q=${encodeURIComponent(field.value)}` : "/");
  });
  document.querySelector("[data-clear]").addEventListener("click", () => { field.value = ""; field.dispatchEvent(new Event("input")); field.focus(); });
  if (field.value) { filter(); more(); }
}
