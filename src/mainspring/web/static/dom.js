// Elements. Text only ever becomes text nodes: nothing here parses HTML.
import { ago, exact } from "./format.js";

const sprite = new URL("icons.svg", import.meta.url).pathname;
const SVG = "http://www.w3.org/2000/svg";
let counted = 0;

export function make(tag, given = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") element.className = value;
    else if (key === "on") for (const [name, listener] of Object.entries(value)) element.addEventListener(name, listener);
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key in element && !key.startsWith("aria") && key !== "list" && key !== "form" && key !== "role") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

// How long ago, with the exact moment for who points at it; frame.js keeps it true.
export const when = (text) => make("time", { dateTime: text, title: exact(text), data: { ago: "" } }, ago(text));

export const unique = (word) => `${word}-${counted += 1}`;

export function button(label, click, given = {}) {
  return make("button", { type: "button", class: "button", on: { click }, ...given }, label);
}

export function iconButton(name, label, click, given = {}) {
  return make("button", { type: "button", class: "icon-button", title: label, "aria-label": label, on: { click }, ...given }, icon(name));
}

export function state(status) {
  return make("span", { class: "state", data: { state: status } }, icon(status), status);
}

// A button that copies what `text` gives at that moment.
export function copier(text, label = "Copy") {
  const it = iconButton("copy", label, async () => {
    let shape = "check";
    try {
      await navigator.clipboard.writeText(text());
      toast("Copied");
    } catch {
      shape = "copy";
      toast("The browser did not allow copying. Select the text and copy it.");
    }
    it.replaceChildren(icon(shape));
    setTimeout(() => it.replaceChildren(icon("copy")), 1500);
  });
  return it;
}

export function codeBlock(text, label) {
  const code = make("code", {}, text);
  const block = make("div", { class: "code" }, make("pre", { tabIndex: 0, role: "region", "aria-label": label }, code), copier(() => code.textContent));
  block.show = (next) => { if (code.textContent !== next) code.textContent = next; };
  return block;
}

export function toast(text) {
  const place = document.querySelector("[data-toasts]");
  const note = make("div", { class: "toast" }, text);
  place.append(note);
  setTimeout(() => note.remove(), 4000);
}

// Tabs within a page: `items` are [key, word]; show(key) is called with the chosen one. Arrow keys move.
export function segments(list, items, show, chosen = items[0][0]) {
  const buttons = items.map(([key, word]) => make("button", { type: "button", role: "tab", data: { key } }, word));
  const choose = (key, focus = false) => {
    for (const one of buttons) {
      const on = one.dataset.key === key;
      one.setAttribute("aria-selected", String(on));
      one.tabIndex = on ? 0 : -1;
      if (on && focus) one.focus();
    }
    show(key);
  };
  for (const [at, one] of buttons.entries()) {
    one.addEventListener("click", () => choose(one.dataset.key));
    one.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) { event.preventDefault(); choose(buttons[(at + step + buttons.length) % buttons.length].dataset.key, true); }
    });
  }
  list.setAttribute("role", "tablist");
  list.replaceChildren(...buttons);
  choose(chosen);
  return choose;
}

export const pageData = () => JSON.parse(document.getElementById("model-data").textContent);
