// A prediction as it goes on: status, timeline, progress, and Preview | JSON | Logs.
import { ended } from "./api.js";
import { copier, iconButton, make, segments, state, toast } from "./dom.js";
import { money, span } from "./format.js";
import { fileOf, preview } from "./output.js";
import { Timeline } from "./timeline.js";
import { tree } from "./tree.js";

const TQDM = /(?:^|[\r\n])[^\r\n]*?(\d{1,3})%\|[^|\r\n]*\|\s*(\d+)\/(\d+)(?:\s*\[([^\]\r\n]*)\])?/g;

// The last progress bar that tqdm wrote: {percent, text}; null without one.
export function progress(logs) {
  const last = [...logs.slice(-4000).matchAll(TQDM)].at(-1);
  if (!last) return null;
  const left = /<([\d:]+)/.exec(last[4] ?? "")?.[1];
  return { percent: Number(last[1]), text: `${last[2]} of ${last[3]}${left && last[2] !== last[3] ? `, ${left} left` : ""}` };
}

const TAIL = 8;
const LAST = 20;
const lines = (logs, most) => settled(logs).trimEnd().split("\n").slice(-most).join("\n");

// Lines as a terminal would leave them: what follows a carriage return overwrites.
const settled = (logs) => logs.replaceAll("\r\n", "\n").replace(/[^\n]*\r(?=[^\n])/g, "").replace(/\x1b\[[0-9;]*[A-Za-z]/g, "");

export class Result {
  // about: {text: whether the output is pieces of one text, before: address of the image that went in}
  constructor(place, about = {}) {
    this.about = about;
    this.shown = {};
    this.timeline = new Timeline();
    this.head = make("div", { class: "result-head" });
    this.status = make("span", { role: "status" });
    this.clock = make("span", { class: "clock" });
    this.more = make("span", { class: "actions more" });
    this.head.append(this.status, this.clock, this.more);
    this.bar = make("progress", { max: 100, "aria-label": "Progress" });
    this.barText = make("span");
    this.progress = make("div", { class: "progress", hidden: true }, this.bar, this.barText);
    this.view = make("div", { class: "pane", tabIndex: 0, role: "region", "aria-label": "Preview", "aria-live": "off" });
    this.json = make("div", { class: "pane", tabIndex: 0, role: "region", "aria-label": "JSON", hidden: true });
    this.logs = make("div", { class: "pane logs", tabIndex: 0, role: "log", "aria-label": "Logs", "aria-live": "off", hidden: true });
    const list = make("div", { class: "segments", "aria-label": "Show the result as" });
    this.take = make("span", { class: "actions", hidden: true }, copier(() => taken(this.shown.output).text, "Copy the output"), iconButton("download", "Download the output", () => this.#save()));
    this.element = make("div", { class: "result" }, this.head, this.timeline.element, this.progress, make("div", { class: "result-tabs" }, list, this.take), this.view, this.json, this.logs);
    place.replaceChildren(this.element);
    segments(list, [["view", "Preview"], ["json", "JSON"], ["logs", "Logs"]], (key) => {
      for (const name of ["view", "json", "logs"]) this[name].hidden = name !== key;
      if (key === "logs") this.logs.scrollTop = this.logs.scrollHeight;
      if (key === "json") this.#json();
    });
    this.ticking = setInterval(() => this.#tick(), 100);
  }

  close() { clearInterval(this.ticking); }

  show(prediction) {
    const before = this.shown;
    this.shown = prediction;
    const same = (key) => JSON.stringify(before[key]) === JSON.stringify(prediction[key]);
    if (!same("status")) this.status.replaceChildren(state(prediction.status));
    if (!same("output") || !same("status") || !same("error")) this.#view();
    else if (!same("logs") && (prediction.output ?? null) === null) this.#view();
    if (!same("logs")) this.#logs();
    if (!this.json.hidden) this.#json();
    this.#tick();
    if (ended(prediction.status)) clearInterval(this.ticking);
  }

  // A piece of the stream, before the next look at the prediction has it.
  say(output) {
    this.shown = { ...this.shown, output };
    this.#view();
  }

  #view() {
    const { output, error, status, logs, data_removed: removed } = this.shown;
    const done = ended(status);
    const found = preview(output, { ...this.about, done });
    const parts = [];
    if (error) parts.push(make("div", { class: "banner bad", role: "alert" }, error));
    if (error && logs) parts.push(make("p", { class: "muted" }, "Last lines of the logs:"), make("pre", { class: "tail" }, lines(logs, LAST)));
    if (removed) parts.push(make("p", { class: "muted" }, `Input, output and logs were removed${gone(this.shown)}. That it ran, and for how long, stays.`));
    else if (!found.length && !error) parts.push(make("p", { class: "muted" }, empty(status)));
    if (!done && !found.length && logs) parts.push(make("pre", { class: "tail" }, lines(logs, TAIL)));
    this.view.replaceChildren(...found, ...parts);
    this.take.hidden = !done || !found.length;
  }

  #save() {
    const { files, name, text, type } = taken(this.shown.output);
    const url = files.length ? null : URL.createObjectURL(new Blob([text], { type }));
    const links = url ? [[url, name]] : files.map((file) => [file.address, file.name]);
    for (const [href, download] of links) make("a", { href, download }).click();
    if (url) setTimeout(() => URL.revokeObjectURL(url), 10_000);
    if (links.length > 1) toast(`Saving ${links.length} files`);
  }

  #json() {
    const { logs, ...rest } = this.shown;
    this.json.replaceChildren(make("div", { class: "actions" }, copier(() => JSON.stringify(this.shown, null, 2), "Copy the JSON")), tree(rest));
  }

  #logs() {
    const logs = this.shown.logs ?? "";
    const follow = this.logs.scrollTop + this.logs.clientHeight >= this.logs.scrollHeight - 24;
    this.logs.textContent = settled(logs) || "Nothing was logged.";
    if (follow) this.logs.scrollTop = this.logs.scrollHeight;
    const seen = ended(this.shown.status) ? null : progress(logs);
    this.progress.hidden = !seen;
    if (seen) { this.bar.value = seen.percent; this.barText.textContent = `${seen.percent} %, ${seen.text}`; }
  }

  #tick() {
    if (!this.shown.created_at) return;
    this.timeline.show(this.shown);
    const { cost: costs, metrics = {}, created_at: created, started_at: started, completed_at: completed, status } = this.shown;
    const end = completed ? Date.parse(completed) : Date.now();
    const cost = costs ? `, ${Number(costs.amount) || !Number(costs.at_replicate) ? money(Number(costs.amount)) : `${money(Number(costs.at_replicate))} at Replicate`}` : "";
    const ran = metrics.predict_time !== undefined ? metrics.predict_time * 1000 : end - Date.parse(started ?? created);
    this.clock.textContent = ended(status) && !started ? "" : `${span(ran)}${cost}`;
    if (ended(status)) this.progress.hidden = true;
  }
}

// The output to be taken along: files of this server to be saved, anything else as text.
function taken(output) {
  const all = [output].flat();
  const files = all.map(fileOf);
  if (files.length && files.every((one) => one && one.kind !== "link")) return { files, text: all.join("\n") };
  if (all.every((one) => typeof one === "string")) return { files: [], name: "output.txt", text: all.join(""), type: "text/plain" };
  return { files: [], name: "output.json", text: JSON.stringify(output, null, 2), type: "application/json" };
}

// How long its data was kept, where its time had passed.
function gone({ completed_at: completed, expires_at: expires }) {
  if (!completed || !expires || Date.parse(expires) > Date.now()) return "";
  return `: they are kept for ${span(Date.parse(expires) - Date.parse(completed))} after the end`;
}

function empty(status) {
  return { starting: "It has not started yet.", processing: "Nothing yet.", succeeded: "It gave no output.", canceled: "It was canceled before it gave anything.", aborted: "It was given up before it started." }[status] ?? "No output.";
}
