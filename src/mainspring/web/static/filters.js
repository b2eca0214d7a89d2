// What a list is narrowed to: chips and choices on the page, kept in its address.
import { acting, call } from "./api.js";
import { make } from "./dom.js";

const SPANS = { "1h": 3600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000 };
const NAMES = ["status", "source", "since", "model", "deployment", "token"];

// What is chosen and how it is called: models and deployments by their name, tokens by their id.
const named = ({ owner, name, id, last_four: end }) => (owner ? [`${owner}/${name}`, `${owner}/${name}`] : [id, name || `…${end}`]);

export class Filters {
  constructor(box, changed) {
    this.box = box;
    this.changed = changed;
    this.chips = [...box.querySelectorAll("[data-value]")];
    this.choices = [...box.querySelectorAll("select")];
    this.clearers = [...document.querySelectorAll("[data-clear]")];
    for (const chip of this.chips) chip.addEventListener("click", () => this.set(chip.dataset.name, chip.ariaPressed === "true" ? "" : chip.dataset.value));
    for (const choice of this.choices) {
      choice.addEventListener("change", () => this.set(choice.name, choice.value));
      this.offer(choice);
    }
    for (const one of this.clearers) one.addEventListener("click", () => { this.clear(); this.chips[0].focus(); });
    window.addEventListener("popstate", () => this.read());
    this.read(false);
  }

  get any() { return Object.values(this.given).some(Boolean); }

  // The same for the API. Times are told as moments, so that each look reaches to now.
  get query() {
    const { since, ...others } = this.given;
    const asked = new URLSearchParams(Object.entries(others).filter(([, value]) => value));
    if (since) asked.set("created_after", new Date(Date.now() - SPANS[since] * 1000).toISOString());
    return asked;
  }

  read(tell = true) {
    const asked = new URLSearchParams(location.search);
    this.given = Object.fromEntries(NAMES.map((name) => [name, asked.get(name) ?? ""]));
    if (!SPANS[this.given.since]) this.given.since = "";
    this.draw();
    if (tell) this.changed();
  }

  set(name, value) {
    this.given[name] = value;
    this.keep();
  }

  clear() {
    for (const name of NAMES) this.given[name] = "";
    this.keep();
  }

  keep() {
    const kept = acting ? [["account", acting]] : [];
    const told = new URLSearchParams([...kept, ...Object.entries(this.given).filter(([, value]) => value)]).toString().replaceAll("%2F", "/");
    history.pushState(null, "", told ? `?${told}` : location.pathname);
    this.draw();
    this.changed();
  }

  draw() {
    for (const chip of this.chips) chip.ariaPressed = String(this.given[chip.dataset.name] === chip.dataset.value);
    for (const choice of this.choices) {
      const value = this.given[choice.name];
      if (value) this.add(choice, value);
      choice.value = value;
      choice.classList.toggle("chosen", Boolean(value));
    }
    for (const one of this.clearers) if (this.box.contains(one)) one.hidden = !this.any;
  }

  async offer(choice) {
    try {
      const { results } = await call(choice.dataset.choose);
      for (const [value, word] of results.map(named).sort(([, a], [, b]) => (a < b ? -1 : 1))) this.add(choice, value, word);
    } catch { /* what the address names can be chosen still */ }
  }

  // What the address names is there before it is known how it is called.
  add(choice, value, word) {
    const there = [...choice.options].find((one) => one.value === value);
    if (!there) choice.append(make("option", { value }, word ?? value));
    else if (word) there.textContent = word;
    choice.hidden = false;
  }
}
