// Tokens: make one, see it once, rotate it, disable it.
import { call } from "./api.js";
import { dialogForm, labelled } from "./ask.js";
import { button, codeBlock, make } from "./dom.js";
import { Listing, when } from "./listing.js";

const form = document.querySelector("[data-create]");
const secret = document.querySelector("[data-secret]");
const fault = form.querySelector("[data-fault]");
const limits = new Map();
const over = (token) => token.expires_at && new Date(token.expires_at) <= new Date();
const called = (token) => token.name || token.last_four;

function reveal(text) {
  secret.hidden = false;
  secret.querySelector("[data-once]").replaceChildren(codeBlock(text, "The new token"));
  secret.scrollIntoView({ block: "nearest" });
  secret.focus();
}

function rotate(token, redraw) {
  const grace = make("select", {}, ...[["", "at once"], ["10m", "in 10 minutes"], ["1h", "in an hour"], ["1d", "in a day"]].map(([value, word]) => make("option", { value }, word)));
  dialogForm({
    title: `Rotate ${called(token)}?`,
    text: "It gets a new secret, which is shown once. Its name, scopes, end and limits stay.",
    fields: [labelled("The old secret ends", grace, "Sessions that were begun with it end then too.")],
    action: "Rotate",
    submit: async () => {
      const { token: text, ...facts } = await call(`/tokens/${token.id}/rotate`, { method: "POST", body: grace.value ? { grace: grace.value } : {} });
      redraw(facts);
      reveal(text);
    },
  });
}

function disable(token, redraw) {
  dialogForm({
    title: `Disable ${token.name || "this token"}?`,
    text: "Nobody can use it from then on, and sessions that were begun with it end. It can’t be enabled again.",
    action: "Disable",
    danger: true,
    submit: async () => {
      await call(`/tokens/${token.id}`, { method: "DELETE" });
      redraw({ ...token, disabled_at: new Date().toISOString() });
    },
  });
}

function actions(token, redraw) {
  if (token.disabled_at || over(token)) return "";
  return make("span", { class: "actions" },
    button("Rotate", () => rotate(token, redraw), { class: "button small", "aria-label": `Rotate ${called(token)}` }),
    button("Disable", () => disable(token, redraw), { class: "button small danger", "aria-label": `Disable ${called(token)}` }));
}

function state(token) {
  if (token.disabled_at) return make("span", { class: "chip bad", title: new Date(token.disabled_at).toLocaleString() }, "disabled");
  if (over(token)) return make("span", { class: "chip bad", title: new Date(token.expires_at).toLocaleString() }, "expired");
  return make("span", { class: "chip good" }, "active");
}

const day = (text) => make("time", { dateTime: text, title: new Date(text).toLocaleString() }, new Date(text).toLocaleDateString([], { dateStyle: "medium" }));
const listing = new Listing(document.querySelector("[data-tokens]"), {
  path: "/tokens",
  label: "Tokens, newest first",
  columns: [
    ["Name", (token) => make("span", { title: token.name }, token.name || "without a name"), "wide"],
    ["Token", (token) => make("code", {}, `${token.prefix}…${token.last_four}`)],
    ["Scopes", (token) => token.scopes.join(" ")],
    ["Limit", (token) => (limits.get(token.id) ?? []).map((one) => `$${one.hard} a ${one.period}`).join(", "), "muted"],
    ["Created", (token) => when(token.created_at), "muted"],
    ["Last used", (token) => (token.last_used_at ? when(token.last_used_at) : "never"), "muted"],
    ["Expires", (token) => (token.expires_at ? day(token.expires_at) : "no end"), "muted"],
    ["State", state],
    ["", actions, "actions"],
  ],
});

async function know() {
  limits.clear();
  for (const one of (await call("/limits")).results) if (one.token && one.hard !== null) limits.set(one.token, [...(limits.get(one.token) ?? []), one]);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { name, expires, monthly } = form.elements;
  const scopes = [...form.querySelectorAll("[name=scope]:checked")].map((one) => one.value);
  const body = { name: name.value.trim() };
  // All of them is what the reader's own token may, which can be less.
  if (form.querySelector("[name=scope]:not(:checked)")) body.scopes = scopes;
  if (expires.value) body.expires_in = expires.value;
  if (monthly.value.trim()) body.limit = { monthly: monthly.value.trim() };
  fault.hidden = true;
  try {
    const { token, ...facts } = await call("/tokens", { method: "POST", body });
    if (body.limit) await know();
    reveal(token);
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
know().catch(() => { /* the list says what is wrong */ }).then(() => listing.load());
