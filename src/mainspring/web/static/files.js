// Files in: by choosing, dropping, pasting, URL, camera or microphone. What is large is uploaded by the files API.
import { upload } from "./api.js";
import { button, icon, iconButton, make, toast } from "./dom.js";
import { bytes } from "./format.js";
import { sortable, sorters } from "./sorting.js";

const INLINE = 256 * 1024;
const kinds = [["image", /image|photo|picture|img|mask|frame|face/i], ["audio", /audio|speech|voice|sound|song|music/i], ["video", /video|clip|movie/i]];
const told = (element) => element.dispatchEvent(new Event("input", { bubbles: true }));
const said = (field) => field.schema["x-cog-accept"] ?? field.schema.items?.["x-cog-accept"] ?? "";
// What kind of file it takes: as its author said, else as its name lets one think.
const guess = (field) => kinds.find(([kind, words]) => (said(field) ? said(field).includes(`${kind}/`) : words.test(field.name)))?.[0] ?? "";
const accepts = (field) => said(field) || (guess(field) ? `${guess(field)}/*` : "");

const dataUri = (file) => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.addEventListener("load", () => done(String(reader.result).replace(/^data:;/, "data:application/octet-stream;")));
  reader.addEventListener("error", () => failed(reader.error));
  reader.readAsDataURL(file);
});

// What a file input holds: a File of the reader's, or a URL. send() gives what the API takes.
export function held(value) {
  if (!(value instanceof Blob)) return { value, name: nameOf(value), send: async () => value };
  let sent = null;
  return { value, name: value.name || "recording", file: value, send: () => (sent ??= (value.size <= INLINE ? dataUri(value) : upload(value)).catch((error) => { sent = null; throw error; })) };
}

export function nameOf(url) {
  if (/^data:/i.test(url)) return `${url.slice(5, url.indexOf(";") > 0 ? Math.min(url.indexOf(";"), 40) : 40)} data`;
  try { return decodeURIComponent(new URL(url).pathname.split("/").pop()) || url; } catch { return url; }
}

export function preview(one) {
  const url = one.file ? URL.createObjectURL(one.file) : one.value;
  const type = one.file?.type || (/^data:([^;,]+)/i.exec(one.value)?.[1] ?? typeByName(one.name));
  const own = one.file || /^data:/i.test(one.value) || (URL.canParse(one.value) && new URL(one.value).host === location.host && new URL(one.value).pathname.startsWith("/outputs/"));
  const away = !one.file && /^https?:/i.test(one.value);
  const named = away ? make("a", { href: one.value, title: one.value, target: "_blank", rel: "noopener noreferrer nofollow" }, one.name) : one.name;
  const words = make("span", { class: "file-name", title: one.name }, named, one.file && make("span", { class: "muted" }, ` ${bytes(one.file.size)}`));
  if (own && type.startsWith("image/")) return [make("img", { src: url, alt: "" }), words];
  if (own && type.startsWith("audio/")) return [make("span", { class: "grow" }, words, make("audio", { src: url, controls: true }))];
  if (own && type.startsWith("video/")) return [make("video", { src: url, controls: true, muted: true }), words];
  return [icon("file"), words];
}

function typeByName(name) {
  const ending = /\.(\w+)$/.exec(name)?.[1]?.toLowerCase();
  if (/^(png|jpe?g|webp|gif|avif|bmp|svg)$/.test(ending)) return "image/*";
  if (/^(wav|mp3|ogg|flac|m4a|opus)$/.test(ending)) return "audio/*";
  return /^(mp4|webm|mov|mkv)$/.test(ending) ? "video/*" : "";
}

function picker(field, take, many) {
  const chooser = make("input", { type: "file", id: field.id, multiple: many, accept: accepts(field) || undefined });
  const address = make("input", { type: "url", placeholder: "or paste a URL or a file", "aria-label": "File URL", "aria-describedby": field.labelId, class: "mono-input", spellcheck: false });
  const line = make("div", { class: "drop-line" }, chooser);
  const box = make("div", { class: "drop" }, line, address);
  const takeAll = (files) => { for (const file of many ? files : [...files].slice(0, 1)) take(file); };
  chooser.addEventListener("input", (event) => event.stopPropagation());
  address.addEventListener("input", (event) => event.stopPropagation());
  chooser.addEventListener("change", () => { if (chooser.files.length) takeAll([...chooser.files]); });
  address.addEventListener("change", () => { const url = address.value.trim(); if (url) { take(url); address.value = ""; } });
  address.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); address.dispatchEvent(new Event("change")); } });
  box.addEventListener("paste", (event) => {
    if (event.clipboardData.files.length) { event.preventDefault(); takeAll([...event.clipboardData.files]); }
  });
  for (const name of ["dragenter", "dragover"]) box.addEventListener(name, (event) => { event.preventDefault(); box.classList.add("over"); });
  for (const name of ["dragleave", "drop"]) box.addEventListener(name, () => box.classList.remove("over"));
  box.addEventListener("drop", (event) => { event.preventDefault(); takeAll([...event.dataTransfer.files]); });
  const device = navigator.mediaDevices?.getUserMedia;
  if (device && guess(field) === "audio") line.append(recorder(take, { audio: true }, "mic", "Record"));
  if (device && guess(field) === "image") line.append(camera(take));
  if (device && guess(field) === "video") line.append(recorder(take, { audio: true, video: true }, "camera", "Record"));
  return { box, chooser, address };
}

function recorder(take, wanted, shape, word) {
  let recording = null;
  const it = button("", async () => {
    if (recording) { recording.stop(); return; }
    try {
      const stream = await navigator.mediaDevices.getUserMedia(wanted);
      const parts = [];
      recording = new MediaRecorder(stream);
      recording.addEventListener("dataavailable", (event) => parts.push(event.data));
      recording.addEventListener("stop", () => {
        for (const track of stream.getTracks()) track.stop();
        const type = recording.mimeType.split(";")[0];
        take(new File(parts, `recording.${type.endsWith("mp4") ? "mp4" : "webm"}`, { type }));
        recording = null;
        it.replaceChildren(icon(shape), word);
      });
      recording.start();
      it.replaceChildren(icon("stop"), "Stop");
    } catch { toast("The browser gave no access to the microphone or camera."); }
  }, { class: "button small" });
  it.append(icon(shape), word);
  return it;
}

function camera(take) {
  const it = button("", async () => {
    let stream;
    try { stream = await navigator.mediaDevices.getUserMedia({ video: true }); } catch { toast("The browser gave no access to the camera."); return; }
    const film = make("video", { srcObject: stream, autoplay: true, muted: true, playsInline: true });
    const dialog = make("dialog", { "aria-label": "Camera" }, make("div", { class: "preview" }, film));
    const shoot = () => {
      const canvas = make("canvas", { width: film.videoWidth, height: film.videoHeight });
      canvas.getContext("2d").drawImage(film, 0, 0);
      canvas.toBlob((blob) => { take(new File([blob], "photo.png", { type: "image/png" })); dialog.close(); });
    };
    dialog.append(make("p", { class: "actions" }, button("Take the picture", shoot, { class: "button primary" }), button("Close", () => dialog.close())));
    dialog.addEventListener("close", () => { for (const track of stream.getTracks()) track.stop(); dialog.remove(); });
    document.body.append(dialog);
    dialog.showModal();
  }, { class: "button small" });
  it.append(icon("camera"), "Camera");
  return it;
}

export function fileWidget(field) {
  let current = null;
  const shown = make("div", { class: "preview", hidden: true });
  const set = (value) => {
    current = value ? held(value) : null;
    shown.hidden = !current;
    shown.replaceChildren(...(current ? [...preview(current), iconButton("close", "Remove the file", () => { set(null); chooser.value = ""; told(box); })] : []));
  };
  const { box, chooser } = picker(field, (value) => { set(value); told(box); }, false);
  box.prepend(shown);
  return { element: box, control: chooser, get: () => current?.file ? current : current?.value, set };
}

export function filesWidget(field) {
  const rows = sortable(make("ul", { class: "items" }));
  const add = (value) => {
    const one = held(value);
    const row = make("li", { class: "item" }, make("div", { class: "preview" }, ...preview(one)));
    row.append(...sorters(row, () => told(box)), iconButton("close", `Remove ${one.name}`, () => { row.remove(); told(box); }));
    row.one = one;
    rows.append(row);
  };
  const { box, chooser } = picker(field, (value) => { add(value); told(box); chooser.value = ""; }, true);
  box.prepend(rows);
  return {
    element: box, control: chooser,
    get: () => { const found = [...rows.children].map(({ one }) => (one.file ? one : one.value)); return found.length || field.required ? found : undefined; },
    set: (value) => { rows.replaceChildren(); for (const one of value ?? []) add(one); },
  };
}
