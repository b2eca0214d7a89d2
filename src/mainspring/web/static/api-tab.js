// The API tab: how to call the model from each client.
import { codeBlock, make, pageData, segments } from "./dom.js";
import { fields } from "./schema.js";
import { gives, guide, languages } from "./snippets.js";

const data = pageData();
const place = document.querySelector("[data-guide]");

function sample(field) {
  const endings = [[/audio|speech|voice|sound|song|music/i, "audio.wav"], [/video|clip|movie/i, "video.mp4"], [/image|photo|picture|img|mask/i, "photo.jpg"]];
  const file = () => ({ name: endings.find(([words]) => words.test(field.name))?.[1] ?? "input.bin", send: () => null });
  if (field.fallback !== undefined) return field.fallback;
  const simple = { file, secret: () => "…", number: () => field.schema.minimum ?? 1, boolean: () => true, choice: () => field.schema.enum[0], json: () => ({}) };
  if (field.kind === "list") return [field.item === "file" ? file() : field.item === "number" ? 1 : field.item === "boolean" ? true : "one"];
  return simple[field.kind]?.() ?? (/prompt/.test(field.name) ? "Tell me how a clock works" : "world");
}

const all = fields(data.input);
const shown = all.filter((field) => field.required);
const some = shown.length ? shown : all.slice(0, 1);
const files = all.filter((field) => field.kind === "file" || field.item === "file");
const input = Object.fromEntries(some.map((field) => [field.name, sample(field)]));
const file = files.length ? { ...input, [files[0].name]: sample(files[0]) } : undefined;
const call = { ...data, input, file, gives: gives(data) };

const list = make("div", { class: "segments", "aria-label": "Client" });
const body = make("div", { class: "guide" });
place.replaceChildren(list, make("p", { class: "sr" }, ""), body);
segments(list, languages, (language) => {
  body.replaceChildren(...guide(language, call).map(([title, text, code]) => make("section", {}, make("h2", {}, title), make("p", {}, text), codeBlock(code, `${title}, ${language}`))));
});
