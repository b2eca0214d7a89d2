// The account's own models.
import { make } from "./dom.js";
import { Listing, when } from "./listing.js";

const box = document.querySelector("[data-models]");
const own = ({ owner }) => owner === box.dataset.models;

const listing = new Listing(box, {
  path: "/models",
  label: "Your models",
  keep: own,
  columns: [
    ["Model", (model) => make("a", { class: "row", href: `/${model.owner}/${model.name}`, title: model.description }, make("code", {}, `${model.owner}/${model.name}`)), "wide"],
    ["Visibility", (model) => make("span", { class: "chip" }, model.visibility)],
    ["Hardware", (model) => make("code", {}, model.hardware)],
    ["Instances", ({ scaling }) => `${scaling.min_instances} – ${scaling.max_instances ?? "auto"}`, "figure"],
    ["Runs", (model) => model.run_count.toLocaleString("en"), "figure"],
    ["Latest version", (model) => (model.latest_version ? make("code", { title: model.latest_version.id }, model.latest_version.id.slice(0, 8)) : make("span", { class: "muted" }, "none yet"))],
    ["Pushed", (model) => (model.latest_version ? when(model.latest_version.created_at) : ""), "muted"],
    ["", (model) => make("a", { class: "button small quiet", href: `/predictions?model=${model.owner}/${model.name}`, "aria-label": `Predictions of ${model.name}` }, "Predictions"), "actions"],
  ],
});
listing.load();
