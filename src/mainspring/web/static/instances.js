// Instances by model, kept in place from one look to the next; their logs; and how to stop one.
import { call } from "./api.js";
import { dialogForm } from "./ask.js";
import { button, copier, icon, make, toast } from "./dom.js";
import { ago, bytes, exact, span } from "./format.js";
import { body, cell, row, table } from "./table.js";

const SHAPES = { booting: "starting", ready: "succeeded", stopping: "canceled", ended: "aborted" };
const COLUMNS = [["State", "state-cell"], ["Version"], ["Hardware"], ["Memory", "figure"], ["GPU memory", "figure gpu"], ["Load", "figure"], ["Since", "figure"], ["", "actions"]];

function stateOf(one) {
  const shape = one.state === "ended" && one.fault ? "failed" : SHAPES[one.state];
  return make("span", { class: "state", data: { state: shape } }, icon(shape), shape === "failed" ? "failed" : one.state);
}

function why(one) {
  const said = one.fault ?? one.reason ?? (one.cause && `booted for ${one.cause}`);
  return said ? make("span", { class: "why", title: said }, said) : null;
}

const room = ({ used, reserved }) => (reserved === null ? bytes(used ?? 0) : used === null ? `– / ${bytes(reserved)}` : `${bytes(used)} / ${bytes(reserved)}`);

function place(one) {
  if (!one.devices.length) return one.cpus === null ? one.hardware : `${one.hardware}, ${one.cpus} cores`;
  return `${one.hardware}, GPU ${one.devices.join(", ")}`;
}

class Line {
  constructor(one, again) {
    this.again = again;
    this.cells = COLUMNS.map(([word, kind]) => cell(word, [], { class: kind }));
    this.element = row(...this.cells);
    this.element.dataset.id = one.id;
    this.logs = button("Setup logs", () => this.open(), { class: "button small quiet", "aria-label": `Setup logs of ${one.id}` });
    this.stop = button("Stop", () => this.end(), { class: "button small danger", "aria-label": `Stop ${one.id}` });
    this.cells.at(-1).append(this.logs, this.stop);
    this.show(one);
  }

  show(one) {
    const [state, version, hardware, memory, gpu, load, since] = this.cells;
    if (this.one?.state !== one.state || this.one?.reason !== one.reason) state.replaceChildren(stateOf(one), why(one) ?? "");
    this.one = one;
    version.replaceChildren(make("code", { title: one.version }, one.version.slice(0, 8)),
      ...[one.deployment && make("span", { class: "chip", title: "Deployment" }, `${one.deployment} · ${one.release}`), one.training && make("span", { class: "chip" }, "training")].filter(Boolean));
    hardware.textContent = place(one);
    memory.textContent = room(one.memory);
    gpu.textContent = one.gpu_memory ? room(one.gpu_memory) : "";
    load.textContent = one.state === "ended" ? "" : `${one.running} / ${one.slots}`;
    since.replaceChildren(make("time", { dateTime: one.since, title: exact(one.since), data: one.state === "booting" ? {} : { ago: "" } },
      one.state === "booting" ? span(Date.now() - Date.parse(one.since)) : ago(one.since)));
    this.stop.hidden = !["booting", "ready"].includes(one.state);
  }

  end() {
    const busy = this.one.running ? ` ${this.one.running} running: it ends when they have.` : "";
    return dialogForm({
      title: "Stop this instance?",
      text: `${this.one.model} takes nothing more here.${busy} If work waits for it, another one boots.`,
      action: "Stop",
      danger: true,
      submit: async () => { await call(`/fleet/${this.one.id}/stop`, { method: "POST" }); this.again(); },
    });
  }

  async open() {
    let one;
    try { one = await call(`/fleet/${this.one.id}`); } catch (error) { toast(error.message); return; }
    const facts = [["Instance", make("code", {}, one.id)], ["Created", exact(one.created_at)], one.ready_at && ["Booted in", span(Date.parse(one.ready_at) - Date.parse(one.created_at))],
      one.ended_at && ["Ended", exact(one.ended_at)], one.cause && ["Booted because", one.cause], one.reason && ["Went because", one.reason], one.fault && ["Fault", one.fault]];
    const dialog = make("dialog", { class: "logs", "aria-label": `Setup logs of ${one.id}`, on: { close: () => { dialog.remove(); this.logs.focus(); }, click: (event) => { if (event.target === dialog) dialog.close(); } } },
      make("div", { class: "logs-head" }, make("h2", {}, "Setup logs"), copier(() => one.setup_logs, "Copy the logs"), button("Close", () => dialog.close(), { class: "button small" })),
      make("dl", { class: "facts" }, ...facts.filter(Boolean).map(([word, value]) => make("div", {}, make("dt", {}, word), make("dd", {}, value)))),
      one.setup_logs ? make("pre", { class: "logs-text", tabIndex: 0, role: "log", "aria-label": "Setup logs" }, one.setup_logs) : make("p", { class: "muted" }, one.state === "booting" ? "It has said nothing yet." : "Its setup printed nothing."));
    document.body.append(dialog);
    dialog.showModal();
  }
}

export class Instances {
  constructor(place, label, again) {
    this.again = again;
    this.lines = new Map();
    this.groups = new Map();
    Object.assign(this, table(label, COLUMNS, "fleet-table"), { place });
    this.box.hidden = true;
    place.append(this.box);
  }

  show(instances) {
    const ids = new Set(instances.map(({ id }) => id));
    for (const [id, line] of this.lines) if (!ids.has(id)) { line.element.remove(); this.lines.delete(id); }
    for (const one of instances) {
      const line = this.lines.get(one.id);
      if (line) line.show(one);
      else this.add(one);
    }
    for (const [model, rows] of this.groups) if (rows.children.length === 1) { rows.remove(); this.groups.delete(model); }
    this.box.hidden = instances.length === 0;
    this.place.classList.toggle("with-gpus", instances.some((one) => one.devices.length));
  }

  add(one) {
    const line = new Line(one, this.again);
    this.lines.set(one.id, line);
    this.group(one.model).append(line.element);
  }

  group(model) {
    if (!this.groups.has(model)) {
      const head = make("th", { scope: "rowgroup", role: "rowheader", colSpan: COLUMNS.length }, make("a", { href: `/${model}` }, model));
      const rows = body(row(head));
      rows.firstElementChild.classList.add("group");
      this.table.append(rows);
      this.groups.set(model, rows);
    }
    return this.groups.get(model);
  }
}
