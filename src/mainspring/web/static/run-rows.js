// One row of the lists of what ran: drawn once, then kept true.
import { ended } from "./api.js";
import { copier, make, state, when } from "./dom.js";
import { money, span } from "./format.js";

const cell = (name, ...children) => make("td", { class: name, role: "cell" }, ...children);

function ran(one) {
  const seconds = one.metrics?.predict_time;
  if (seconds !== undefined) return span(seconds * 1000);
  if (!one.started_at) return "";
  return span((one.completed_at ? Date.parse(one.completed_at) : Date.now()) - Date.parse(one.started_at));
}

function trained(one) {
  const made = one.output?.version;
  if (typeof made !== "string" || !made.includes(":")) return "";
  const [model, version] = made.split(":");
  return make("a", { href: `/${model}/versions/${version}`, title: made }, `${model.split("/")[1]}:${version.slice(0, 8)}`);
}

export class Row {
  constructor(one, { training }) {
    this.training = training;
    this.id = one.id;
    const link = make("a", { class: "row", href: `/p/${one.id}`, title: one.id }, make("span", { class: "sr" }, training ? "Training " : "Prediction "), make("code", {}, one.id.slice(0, 12)));
    const created = when(one.created_at);
    this.status = cell("status");
    this.run = cell("run figure");
    this.cost = cell("cost figure");
    this.made = training ? cell("made") : null;
    this.element = make("tr", { role: "row", data: { id: one.id } }, this.status,
      cell("id", link, copier(() => one.id, "Copy the id")),
      cell("model", make("span", { class: "model-name", title: one.model }, one.model), one.deployment && make("span", { class: "chip", title: "Made through this deployment" }, one.deployment)),
      cell("version", make("code", { title: one.version }, one.version.slice(0, 8))), this.made,
      cell("source muted", one.source === "web" ? "Web" : "API"), this.run, this.cost, cell("created muted", created));
    this.show(one);
  }

  get open() { return !ended(this.one.status); }

  show(one) {
    if (this.one?.status !== one.status) {
      this.status.replaceChildren(state(one.status));
      this.element.dataset.state = one.status;
    }
    this.one = one;
    this.tick();
    this.cost.textContent = one.cost ? money(one.cost.amount) : "";
    this.cost.title = one.cost?.at_replicate ? `${money(one.cost.at_replicate)} at Replicate’s list prices` : "";
    this.cost.hidden = !Row.costs;
    this.made?.replaceChildren(trained(one));
  }

  tick() {
    this.run.textContent = ran(this.one);
    const begun = this.one.timeline?.started_at ?? this.one.started_at;
    this.run.title = begun ? `waited ${span(Date.parse(begun) - Date.parse(this.one.created_at))}` : "";
  }

  tint() {
    this.element.classList.add("fresh");
    this.element.addEventListener("animationend", () => this.element.classList.remove("fresh"), { once: true });
  }
}

// Whether any reply had a cost: only then is there a column of it.
Row.costs = false;
