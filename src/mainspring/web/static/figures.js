// What a model or a deployment did in the last hours: totals, plots, and what it does right now; looked at again and again.
import { call } from "./api.js";
import { make, segments } from "./dom.js";
import { ago, span } from "./format.js";
import { Plot } from "./plot.js";

const EVERY_MS = 5000;
const seconds = (value) => span(value * 1000);
const count = (value) => (Number.isInteger(value) ? value.toLocaleString("en") : value.toLocaleString("en", { maximumFractionDigits: value < 1 ? 2 : 1 }));
const share = (value) => `${value === 0 || value >= 9.95 ? Math.round(value) : value.toFixed(1)} %`;
const part = (one) => (one.runs ? (100 * one.failed) / one.runs : null);

function plots(boots) {
  const all = [
    [new Plot({ title: "Latency", tell: seconds }), (one) => [one.run_p50, one.run_p95], ["median", "95th percentile"]],
    [new Plot({ title: "Runs per minute", tell: count }), (one, minutes) => [minutes ? one.runs / minutes : null], ["runs per minute"]],
    [new Plot({ title: "Errors", tell: share }), (one) => [part(one)], ["failed"]],
    [new Plot({ title: "Wait in line", tell: seconds }), (one) => [one.wait_p50, one.wait_p95], ["median", "95th percentile"]],
    [new Plot({ title: "Boots", tell: count, whole: true }), (one) => [one.boots, one.boots_failed], ["started", "failed"]],
  ];
  return boots ? all : all.slice(0, 4);
}

// How much of a stretch has passed; 0 for one that has hardly begun, which says nothing yet.
function minutes({ at }, bucket) {
  const passed = Math.min(bucket, (Date.now() - Date.parse(at)) / 1000);
  return passed < bucket / 4 ? 0 : passed / 60;
}

const or = (value, words) => (value === null ? "–" : words(value));

function totals(total) {
  const rows = [["Runs", count(total.runs)], ["Failed", total.runs ? `${count(total.failed)} (${share(part(total))})` : "0"],
    ["Median", or(total.run_p50, seconds)], ["95th percentile", or(total.run_p95, seconds)], ["Median wait", or(total.wait_p50, seconds)],
    ["Boots", total.boots ? `${count(total.boots)}${total.boots_failed ? `, ${count(total.boots_failed)} failed` : ""}` : "0"], ["Mean boot", or(total.boot, seconds)]];
  return rows.map(([word, value]) => make("div", {}, make("dt", {}, word), make("dd", { class: "figure" }, value)));
}

// Instances by what they do, and the line: {starting, idle, processing, queue, oldest}.
export function census({ starting, idle, processing, queue, oldest }) {
  const rows = [["Starting", starting], ["Idle", idle], ["Processing", processing], ["In line", queue]];
  const facts = rows.map(([word, value]) => make("div", {}, make("dt", {}, word), make("dd", { class: "figure" }, String(value))));
  if (oldest) facts.push(make("div", {}, make("dt", {}, "First in line since"), make("dd", {}, ago(oldest))));
  return facts;
}

// Fill `place` from /metrics of `path`; now(census) is called with each look.
export function figures(place, path, { boots = false, now = () => {} } = {}) {
  const shown = plots(boots);
  const choose = make("div", { class: "segments", "aria-label": "Time range" });
  const facts = make("dl", { class: "facts" });
  const trouble = make("p", { class: "fault", role: "alert", hidden: true });
  let range = "2h";
  let timer = 0;
  let asked = 0;

  async function look() {
    clearTimeout(timer);
    const turn = asked += 1;
    try {
      const found = await call(`${path}/metrics?range=${range}`);
      if (turn !== asked) return;
      trouble.hidden = true;
      const times = found.buckets.map(({ at }) => Date.parse(at));
      facts.replaceChildren(...totals(found.total));
      for (const [plot, values, names] of shown) {
        const rows = found.buckets.map((one) => values(one, minutes(one, found.bucket_s)));
        plot.show(times, names.map((name, index) => ({ name, values: rows.map((row) => row[index]) })));
      }
      now(found.now);
    } catch (error) {
      trouble.textContent = error.message;
      trouble.hidden = false;
    }
    timer = setTimeout(again, EVERY_MS);
  }
  const again = () => { if (document.hidden) timer = setTimeout(again, EVERY_MS); else look(); };

  place.replaceChildren(make("div", { class: "side-head" }, make("h2", {}, "Metrics"), choose), trouble, facts, make("div", { class: "plots" }, ...shown.map(([plot]) => plot.element)));
  segments(choose, [["2h", "2 hours"], ["24h", "24 hours"]], (key) => { range = key; look(); });
  return look;
}
