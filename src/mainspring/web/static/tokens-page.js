// Tokens: make one, see it once, disable it.
import { call } from "./api.js";
import { dialogForm } from "./ask.js";
import { button, codeBlock, make } from "./dom.js";
import { Listing, when } from "./listing.js";

const form = document.querySelector("[data-create]");
const secret = document.querySelector("[data-secret]");
const fault = form.querySelector("[data-fault]");

function action(token, redraw) {
  if (token.disabled_at) return "";
  return button("Disable", () => dialogForm({
    title: `Disable ${token.name || "this token"}?`,
    text: "Nobody can use it from then on, and sessions that were begun with it end. It can’t be enabled again.",
    action: "Disable",
    danger: true,
    submit: async () => {
      await call(`/tokens/${token.id}`, { method: "DELETE" });
      redraw({ ...token, disabled_at: new Date().toISOString() });
    },
  }), { class: "button small danger", "aria-label": `Disable ${token.name || token.last_four}` });
}

const listing = new Listing(document.querySelector("[data-tokens]"), {
  path: "/tokens",
  label: "Tokens, newest first",
  columns: [
    ["Name", (token) => make("span", { title: token.name }, token.name || "without a name"), "wide"],
    ["Token", (token) => make("code", {}, `${token.prefix}…${token.last_four}`)],
    ["Created", (token) => when(token.created_at), "muted"],
    ["Last used", (token) => (token.last_used_at ? when(token.last_used_at) : "never"), "muted"],
    ["State", (token) => (token.disabled_at ? make("span", { class: "chip bad", title: new Date(token.disabled_at).toLocaleString() }, "disabled") : make("span", { class: "chip good" }, "active"))],
    ["", action, "actions"],
  ],
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = form.elements.name.value.trim();
  fault.hidden = true;
  try {
    const { token, ...facts } = await call("/tokens", { method: "POST", body: { name } });
    secret.hidden = false;
    secret.querySelector("[data-once]").replaceChildren(codeBlock(token, "The new token"));
    secret.focus();
    form.reset();
    listing.add(facts);
  } catch (error) {
    fault.textContent = error.fields[0]?.description ?? error.message;
    fault.hidden = false;
  }
});
secret.querySelector("button").addEventListener("click", () => {
  secret.hidden = true;
  secret.querySelector("[data-once]").replaceChildren();
  form.elements.name.focus();
});
listing.load();
