// Files that a model made, by their kind: sounds, films, texts, pages, and what can only be saved.
import { icon, make } from "./dom.js";
import { bytes } from "./format.js";
import { markdown } from "./markdown.js";
import { tree } from "./tree.js";
import { waveform } from "./waveform.js";

const MOST_TEXT = 64 * 1024;
const sizes = new Map();

async function ask(address) {
  if (address.startsWith("data:")) return Math.floor((address.length - address.indexOf(",") - 1) * 0.75);
  const reply = await fetch(address, { method: "HEAD" });
  return reply.ok ? Number(reply.headers.get("content-length")) : NaN;
}

function size({ address }) {
  const place = make("span", { class: "muted figure" });
  if (!sizes.has(address)) sizes.set(address, ask(address).catch(() => NaN));
  sizes.get(address).then((found) => { if (Number.isFinite(found)) place.textContent = bytes(found); });
  return place;
}

// A line with the file's name: saved by a click, or for what lies elsewhere a link.
export function saved(file) {
  if (file.kind === "link") return make("p", { class: "file-line" }, icon("file"), make("a", { href: file.address, target: "_blank", rel: "noopener noreferrer nofollow" }, file.address));
  return make("p", { class: "file-line" }, icon(file.kind === "solid" ? "file" : "download"),
    make("a", { href: file.address, download: file.name, title: file.name, "aria-label": `Download ${file.name}` }, file.name), file.kind === "solid" && make("span", { class: "muted" }, "3D model"), size(file));
}

export function sound(file) {
  const player = make("audio", { src: file.address, controls: true, preload: "metadata", "aria-label": file.name });
  return make("figure", { class: "tile" }, waveform(player, file.address), player, saved(file));
}

export function film(file) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  return make("figure", { class: "tile single" }, make("video", { src: file.address, controls: true, loop: true, muted: true, autoplay: !still, playsInline: true, "aria-label": file.name }), saved(file));
}

// The beginning of a text: Markdown and JSON as what they are, any other in plain letters.
export function reading(file) {
  const place = make("div", { class: "reading", tabIndex: 0, role: "region", "aria-label": file.name });
  begin(file.address).then(({ text, whole }) => {
    const more = whole > MOST_TEXT && make("p", { class: "muted" }, `The first ${bytes(MOST_TEXT)} of ${bytes(whole)}.`);
    place.replaceChildren(...drawn(file.name, text, !more), more || "");
  }).catch(() => place.remove());
  return make("figure", { class: "tile" }, place, saved(file));
}

async function begin(address) {
  const reply = await fetch(address, { headers: { Range: `bytes=0-${MOST_TEXT - 1}` } });
  if (!reply.ok) throw new Error(reply.statusText);
  const text = await reply.text();
  return { text: text.slice(0, MOST_TEXT), whole: Number(/\/(\d+)$/.exec(reply.headers.get("content-range") ?? "")?.[1] ?? text.length) };
}

function drawn(name, text, complete) {
  if (/\.(md|markdown)$/i.test(name)) return [make("div", { class: "markdown" }, ...markdown(text))];
  if (complete && /\.json$/i.test(name)) {
    try { return [tree(JSON.parse(text))]; } catch { /* plain letters then */ }
  }
  return [make("pre", {}, text)];
}

// A page that a model wrote: without scripts, without anything loaded, in an origin of its own.
export function framed(file) {
  const frame = make("iframe", { title: file.name, loading: "lazy" });
  frame.setAttribute("sandbox", "");
  frame.src = file.address;
  return make("figure", { class: "tile" }, frame, saved(file));
}
