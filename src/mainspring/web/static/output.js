// What a prediction gave, by its kind. Files of this server are shown; any other URL stays a link.
import { ours } from "./api.js";
import { make } from "./dom.js";
import { framed, film, reading, saved, sound } from "./file-output.js";
import { nameOf } from "./files.js";
import { markdown } from "./markdown.js";
import { tree } from "./tree.js";

const pictures = /\.(png|jpe?g|webp|gif|avif|bmp|svg)$/i;
const sounds = /\.(wav|mp3|ogg|oga|flac|m4a|opus|aac)$/i;
const films = /\.(mp4|webm|mov|m4v)$/i;
const solids = /\.(glb|gltf|obj|stl|ply|usdz|fbx)$/i;
const texts = /\.(txt|log|md|markdown|json|jsonl|csv|tsv|srt|vtt|ya?ml|toml)$/i;
const pages = /\.html?$/i;

// {address, kind, name} of a text that is a file; null for any other.
export function fileOf(text) {
  if (typeof text !== "string") return null;
  const data = /^data:([\w.+-]+)\/([\w.+-]+)/i.exec(text);
  if (data) return { address: text, kind: { image: "image", audio: "audio", video: "video" }[data[1].toLowerCase()] ?? "file", name: `file.${data[2].replace(/\+.*/, "")}` };
  if (!/^https?:\/\/\S+$/i.test(text) || !URL.canParse(text)) return null;
  const path = new URL(text).pathname;
  const own = ours(text);
  const name = nameOf(text);
  if (!own?.startsWith("/outputs/")) return { address: text, kind: "link", name };
  const kind = [[pictures, "image"], [sounds, "audio"], [films, "video"], [solids, "solid"], [texts, "text"], [pages, "page"]].find(([endings]) => endings.test(path))?.[1] ?? "file";
  return { address: own, kind, name };
}

// Elements for the output. about: {text: pieces of one text, done, before: address of the one image that went in}.
export function preview(output, about = {}) {
  if (output === null || output === undefined) return [];
  if (about.text && Array.isArray(output)) return [written(output.join(""), !about.done)];
  if (Array.isArray(output)) {
    const files = output.map(fileOf);
    if (output.length && files.every((one) => one?.kind === "image")) return output.length === 1 ? [picture(files[0], about.before)] : [grid(files)];
    return output.map((one) => make("div", { class: "piece" }, ...preview(one)));
  }
  const file = fileOf(output);
  if (file) return [shown(file, about)];
  if (typeof output === "string") return [written(output, false)];
  if (typeof output === "object") return [fieldsOf(output)];
  return [make("p", { class: "figure" }, String(output))];
}

function written(text, caret) {
  const body = make("div", { class: "markdown", tabIndex: -1 }, ...markdown(text));
  if (caret) {
    let last = body;
    while (last.lastElementChild?.matches("p, ul, ol, li, blockquote, h3, h4, h5, h6")) last = last.lastElementChild;
    last.append(make("span", { class: "caret", "aria-hidden": "true" }));
  }
  return body;
}

function shown(file, about) {
  if (file.kind === "image") return picture(file, about.before);
  return ({ audio: sound, video: film, text: reading, page: framed })[file.kind]?.(file) ?? saved(file);
}

function picture(file, before) {
  if (before) return make("div", { class: "result" }, compare(before, file.address), saved(file));
  return make("figure", { class: "tile single" }, zoomable(file), saved(file));
}

function grid(files) {
  return make("div", { class: "grid" }, ...files.map((file) => make("figure", { class: "tile" }, zoomable(file), saved(file))));
}

function zoomable(file) {
  const image = make("img", { src: file.address, alt: file.name });
  image.addEventListener("load", () => image.classList.toggle("small", image.naturalWidth < 96));
  return make("button", { type: "button", "aria-label": `Zoom ${file.name}`, on: { click: () => {
    const dialog = make("dialog", { class: "zoom", "aria-label": file.name }, make("img", { src: file.address, alt: file.name }));
    dialog.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  } } }, image);
}

// The picture that went in and the one that came out, one over the other.
function compare(before, after) {
  const over = make("img", { class: "before", src: before, alt: "Before" });
  const box = make("div", { class: "compare-box" }, make("img", { src: after, alt: "After" }), over);
  const slider = make("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "Before and after" });
  const move = () => { over.style.clipPath = `inset(0 ${100 - slider.value}% 0 0)`; box.style.setProperty("--at", `${slider.value}%`); };
  slider.addEventListener("input", move);
  box.addEventListener("pointermove", (event) => {
    const { left, width } = box.getBoundingClientRect();
    slider.value = (100 * (event.clientX - left)) / width;
    move();
  });
  move();
  return make("div", {}, box, slider, make("div", { class: "compare-words" }, make("span", {}, "before"), make("span", {}, "after")));
}

function fieldsOf(object) {
  const entries = Object.entries(object);
  const nested = entries.some(([, one]) => one && typeof one === "object") && !entries.some(([, one]) => fileOf(one) || (Array.isArray(one) && one.some(fileOf)));
  if (nested || !entries.length) return tree(object);
  return make("dl", { class: "value-rows" }, ...entries.map(([key, one]) => make("div", {}, make("dt", {}, key), make("dd", {}, ...(one === null ? [make("span", { class: "muted" }, "null")] : preview(one))))));
}
