// The audit log: what the account's tokens did, what others did with what it has, everybody for the operator.
import { acting, call } from "./api.js";
import { make, segments } from "./dom.js";
import { Listing, when } from "./listing.js";

const box = document.querySelector("[data-audit]");
const kinds = document.querySelector("[data-by]");
const choice = document.querySelector("[data-token]");
const items = [["account", acting ? `By tokens of ${acting}` : "By your tokens"], ["others", acting ? `By others, with what ${acting} has` : "By others, with what is yours"]];
if ("everybody" in kinds.dataset) items.push(["everybody", "By everybody"]);

function status({ status: code }) {
  if (code === null) return make("span", { class: "chip", title: "It is under way, or the server died meanwhile" }, "unknown");
  return make("span", { class: code < 400 ? "chip good" : "chip bad" }, String(code));
}

const listing = new Listing(box, {
  path: "/audit",
  label: "Audit log, newest first",
  columns: [
    ["When", (one) => when(one.at), "muted"],
    ["Account", (one) => make("code", {}, one.account)],
    ["Token", (one) => make("span", { title: one.token }, one.token_name || one.token || "")],
    ["Operation", (one) => make("code", {}, one.operation)],
    ["Object", (one) => make("code", { title: one.object }, one.object), "wide"],
    ["From", (one) => `${one.address ?? "unknown"}, ${one.source}`, "muted"],
    ["Status", status],
  ],
});

let by = "account";
function look() {
  const asked = new URLSearchParams({ by, ...(choice.value ? { token: choice.value } : {}) });
  listing.path = `/audit?${asked}`;
  listing.load();
}

async function offer() {
  const { results } = await call("/tokens");
  choice.append(...results.map((one) => make("option", { value: one.id }, `${one.name || "without a name"} …${one.last_four}`)));
}

choice.addEventListener("change", look);
segments(kinds, items, (key) => { by = key; choice.hidden = key !== "account"; if (choice.hidden) choice.value = ""; look(); });
offer().catch(() => { choice.hidden = true; });
