// Organizations of the reader; the operator makes new ones.
import { call } from "./api.js";
import { make } from "./dom.js";
import { Listing, when } from "./listing.js";

const link = (path, word, name) => make("a", { class: "button small quiet", href: `${path}?account=${encodeURIComponent(name)}`, "aria-label": `${word} of ${name}` }, word);
const listing = new Listing(document.querySelector("[data-organizations]"), {
  path: "/organizations",
  label: "Organizations",
  columns: [
    ["Organization", (one) => make("a", { class: "row", href: `/organizations/${one.username}` }, make("code", {}, one.username)), "wide"],
    ["Name", (one) => one.name],
    ["You are", (one) => one.role ?? make("span", { class: "muted" }, "the operator")],
    ["Created", (one) => when(one.created_at), "muted"],
    ["State", (one) => make("span", { class: one.disabled_at ? "chip bad" : "chip good" }, one.disabled_at ? "disabled" : "active")],
    ["", (one) => (one.role ? make("span", { class: "actions" }, link("/models", "Models", one.username), link("/predictions", "Predictions", one.username)) : ""), "actions"],
  ],
});

const form = document.querySelector("[data-create]");
form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fault = form.querySelector("[data-fault]");
  fault.hidden = true;
  try {
    listing.add(await call("/organizations", { method: "POST", body: { username: form.elements.username.value.trim() } }));
    form.reset();
  } catch (error) {
    fault.textContent = error.errors[0]?.detail ?? error.message;
    fault.hidden = false;
  }
});
listing.load();
