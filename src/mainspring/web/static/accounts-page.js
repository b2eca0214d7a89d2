// Everybody's accounts: the operator makes, disables and enables them.
import { call } from "./api.js";
import { dialogForm } from "./ask.js";
import { button, codeBlock, make } from "./dom.js";
import { Listing, when } from "./listing.js";

const form = document.querySelector("[data-create]");
const secret = document.querySelector("[data-secret]");
const fault = form.querySelector("[data-fault]");
const change = (one, disabled) => call(`/accounts/${encodeURIComponent(one.username)}`, { method: "PATCH", body: { disabled } });

function action(one, redraw) {
  const disabled = one.disabled_at !== null;
  const word = disabled ? "Enable" : "Disable";
  return button(word, () => dialogForm({
    title: `${word} ${one.username}?`,
    text: disabled ? "Its tokens open it again." : "None of its tokens opens it any more. Its models, predictions and what runs stay.",
    action: word,
    danger: !disabled,
    submit: async () => redraw(await change(one, !disabled)),
  }), { class: disabled ? "button small" : "button small danger", "aria-label": `${word} ${one.username}` });
}

const listing = new Listing(document.querySelector("[data-accounts]"), {
  path: "/accounts",
  label: "Accounts",
  columns: [
    ["Username", (one) => make("code", {}, one.username), "wide"],
    ["Name", (one) => one.name],
    ["Created", (one) => when(one.created_at), "muted"],
    ["State", (one) => make("span", { class: one.disabled_at ? "chip bad" : "chip good" }, one.disabled_at ? "disabled" : "active")],
    ["", action, "actions"],
  ],
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  fault.hidden = true;
  try {
    const made = await call("/accounts", { method: "POST", body: { username: form.elements.username.value.trim() } });
    listing.add(made);
    form.reset();
    const { token } = await call(`/tokens?account=${encodeURIComponent(made.username)}`, { method: "POST", body: { name: "first" } });
    secret.hidden = false;
    secret.querySelector("[data-once]").replaceChildren(codeBlock(token, "The new token"));
    secret.focus();
  } catch (error) {
    fault.textContent = error.errors[0]?.detail ?? error.message;
    fault.hidden = false;
  }
});
secret.querySelector("button").addEventListener("click", () => {
  secret.hidden = true;
  secret.querySelector("[data-once]").replaceChildren();
});
listing.load();
