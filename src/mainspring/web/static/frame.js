// What every page has: the theme switch, the keys, the menu, copying, times that go on.
import { codeBlock, copier, icon } from "./dom.js";
import { ago } from "./format.js";

const root = document.documentElement;
const themes = ["auto", "light", "dark"];

function kept(value) {
  try {
    if (value !== undefined) localStorage.setItem("mainspring.theme", value);
    return localStorage.getItem("mainspring.theme") ?? "auto";
  } catch { return value ?? root.dataset.theme ?? "auto"; }
}

function themeSwitch(it) {
  const say = (name) => {
    it.replaceChildren(icon(`theme-${name}`));
    it.title = it.ariaLabel = `Theme: ${name}`;
  };
  it.hidden = false;
  it.addEventListener("click", () => {
    const name = kept(themes[(themes.indexOf(kept()) + 1) % themes.length]);
    if (name === "auto") delete root.dataset.theme;
    else root.dataset.theme = name;
    say(name);
  });
  say(kept());
}

// The account that pages are looked at for; one's own is not named in their address.
function actors(it) {
  it.addEventListener("change", () => { location.search = it.value ? new URLSearchParams({ account: it.value }) : ""; });
}

function menus() {
  const close = (but) => { for (const one of document.querySelectorAll("[data-menu][open]")) if (one !== but) one.open = false; };
  document.addEventListener("click", (event) => close(event.target.closest("[data-menu]")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("[data-menu][open]");
    close(null);
    open?.querySelector("summary").focus();
  });
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  document.querySelector("[data-search]").select();
});

// Tables: up and down move between rows that are links.
document.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = event.target.closest?.(".table a.row");
  if (!step || !row) return;
  const rows = [...row.closest("table").querySelectorAll("a.row")];
  event.preventDefault();
  rows[rows.indexOf(row) + step]?.focus();
});

// On a phone the tabs scroll: the one that is open is brought into view.
const tab = document.querySelector(".tabs [aria-current]");
if (tab) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 24;

for (const it of document.querySelectorAll("[data-acting]")) actors(it);
themeSwitch(document.querySelector("[data-theme-switch]"));
menus();
for (const block of document.querySelectorAll("[data-code]")) {
  const pre = block.querySelector("pre");
  block.replaceWith(codeBlock(pre.textContent, pre.getAttribute("aria-label")));
}
for (const it of document.querySelectorAll("[data-copy]")) it.after(copier(() => it.dataset.copy, it.dataset.copyLabel ?? "Copy the id"));
document.querySelector(".side-bar [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
setInterval(() => {
  for (const time of document.querySelectorAll("time[data-ago]")) time.textContent = ago(time.dateTime);
}, 30_000);
