// The life of a prediction as one thin bar: queued, booting, setup, running, upload, to scale.
import { make } from "./dom.js";
import { ordinal, span } from "./format.js";

const words = { queued: "queued", booting: "boot", setup: "setup", running: "run", uploading: "upload" };

// [{part, from, to}] in ms since the epoch. Moments: prediction.timeline, else what every prediction has.
export function parts(prediction, now = Date.now()) {
  const told = prediction.timeline ?? {};
  const at = (text) => (text ? Date.parse(text) : undefined);
  const end = at(told.completed_at ?? prediction.completed_at) ?? now;
  const begun = at(told.started_at ?? prediction.started_at);
  // An instance that was ready long before took something else first.
  const ready = at(told.steps?.find(({ name }) => name === "ready")?.at);
  const moments = [
    ["queued", at(told.queued_at ?? prediction.created_at)],
    ["booting", at(told.booting_at)],
    ["setup", at(told.setup_at)],
    ["queued", (begun ?? end) - ready > 200 ? ready : undefined],
    ["running", begun],
    ["uploading", at(told.uploading_at)],
  ].filter(([, from]) => from !== undefined && from <= end);
  const all = moments.map(([part, from], index) => ({ part, from, to: Math.max(from, moments[index + 1]?.[1] ?? end) }));
  // What took no time is not worth a segment, unless there is nothing else.
  const long = all.filter(({ from, to }) => to - from >= 1);
  return long.length ? long : all.slice(-1);
}

// What it waits for, in words; "" when it runs or has ended.
export function waiting(prediction) {
  if (prediction.status !== "starting") return "";
  const { queue_position: place, estimate_s: estimate, booting_at: booting, setup_at: setup } = prediction.timeline ?? {};
  const about = estimate ? `, about ${span(estimate * 1000)}` : "";
  if (place > 1) return `${ordinal(place)} in line${about}`;
  if (setup) return `The model is setting up${about}`;
  if (booting) return `An instance is booting${about}`;
  return place === 1 ? `Next in line${about}` : `Waiting for an instance${about}`;
}

export class Timeline {
  constructor() {
    this.bar = make("div", { class: "timeline-bar", "aria-hidden": "true" });
    this.list = make("ul", { class: "timeline-words", "aria-label": "Timeline" });
    this.wait = make("p", { class: "waiting", hidden: true });
    this.steps = make("ol", { class: "timeline-steps" });
    this.boot = make("details", { class: "timeline-boot", hidden: true }, make("summary", {}, "How the instance came up"), this.steps);
    this.element = make("div", { class: "timeline" }, this.bar, this.list, this.wait, this.boot);
  }

  show(prediction, now = Date.now()) {
    const found = parts(prediction, now);
    const shape = found.map(({ part }) => part).join();
    if (shape !== this.shape) {
      this.shape = shape;
      this.bar.replaceChildren(...found.map(({ part }) => make("i", { data: { part } })));
      this.list.replaceChildren(...found.map(({ part }) => make("li", { data: { part } }, `${words[part]} `, make("b"))));
    }
    found.forEach(({ part, from, to }, index) => {
      const length = span(to - from);
      this.bar.children[index].style.flexGrow = String(Math.max(to - from, 0.001));
      this.bar.children[index].title = `${words[part]}: ${length}, from ${new Date(from).toLocaleTimeString()}`;
      this.list.children[index].lastElementChild.textContent = length;
    });
    const first = prediction.timeline?.first_output_at;
    this.list.title = first ? `first output after ${span(Date.parse(first) - Date.parse(prediction.timeline.queued_at ?? prediction.created_at))}` : "";
    this.#steps(prediction.timeline ?? {}, prediction.status === "starting");
    this.wait.textContent = waiting(prediction);
    this.wait.hidden = !this.wait.textContent;
  }

  // Each step of the boot with how long it took since the one before; open while one waits for it.
  #steps({ booting_at: begun, steps = [] }, live) {
    if (live !== this.live) this.live = this.boot.open = live;
    const shape = JSON.stringify(steps);
    if (shape === this.told) return;
    this.told = shape;
    const moments = [begun ?? steps[0]?.at, ...steps.map(({ at }) => at)].map((at) => Date.parse(at));
    this.steps.replaceChildren(...steps.map(({ name }, index) => make("li", {}, `${name} `, make("b", {}, span(moments[index + 1] - moments[index])))));
    this.boot.hidden = !steps.length;
  }
}
