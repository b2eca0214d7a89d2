// Uploaded files: list, add, download, delete.
import { call } from "./api.js";
import { dialogForm } from "./ask.js";
import { copier, iconButton, make } from "./dom.js";
import { bytes } from "./format.js";
import { Listing, when } from "./listing.js";

const box = document.querySelector("[data-files]");
const drop = document.querySelector("[data-drop]");
const field = drop.querySelector("input");
const said = drop.querySelector("[data-said]");

function actions(file, _, gone) {
  return make("span", { class: "actions" }, copier(() => file.urls.get, `Copy the URL of ${file.name}`), iconButton("close", `Delete ${file.name}`, () => dialogForm({
    title: "Delete this file?",
    text: `${file.name} can’t be used as an input any more.`,
    action: "Delete",
    danger: true,
    submit: async () => { await call(`/files/${file.id}`, { method: "DELETE" }); gone(); },
  })));
}

const listing = new Listing(box, {
  path: "/files",
  label: "Files, newest first",
  columns: [
    ["Name", (file) => make("a", { href: `/v1/files/${file.id}/download`, download: file.name, class: "file-link", title: file.name }, file.name), "wide"],
    ["Type", (file) => file.content_type, "muted"],
    ["Size", (file) => bytes(file.size), "figure"],
    ["Created", (file) => when(file.created_at), "muted"],
    ["Kept until", (file) => make("time", { dateTime: file.expires_at }, new Date(file.expires_at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })), "muted"],
    ["", actions, "actions"],
  ],
});

async function send(files) {
  for (const file of files) {
    said.textContent = `Uploading ${file.name}, ${bytes(file.size)}…`;
    const form = new FormData();
    form.append("content", file, file.name || "file");
    try { listing.add(await call("/files", { method: "POST", body: form })); said.textContent = `Uploaded ${file.name}`; } catch (error) { said.textContent = `${file.name}: ${error.message}`; }
  }
  field.value = "";
}

field.addEventListener("change", () => send([...field.files]));
for (const name of ["dragover", "dragleave", "drop"]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", name === "dragover");
    if (name === "drop") send([...event.dataTransfer.files]);
  });
}
listing.load();
