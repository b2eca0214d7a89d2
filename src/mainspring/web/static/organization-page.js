// The people of an organization; who manages it adds and removes them and changes their roles.
import { call } from "./api.js";
import { dialogForm } from "./ask.js";
import { button, make, toast } from "./dom.js";
import { when } from "./listing.js";

const box = document.querySelector("[data-people]");
const form = document.querySelector("[data-add]");
const manages = "manages" in box.dataset;
const path = `/organizations/${encodeURIComponent(box.dataset.people)}`;
const at = (account) => `${path}/members/${encodeURIComponent(account)}`;
const put = (account, role) => call(at(account), { method: "PUT", body: { role } });

function role(one) {
  if (!manages) return one.role;
  const choice = make("select", { "aria-label": `Role of ${one.account}` }, ...["viewer", "member", "owner"].map((name) => make("option", { value: name, selected: name === one.role }, name)));
  choice.addEventListener("change", async () => {
    try { show(await put(one.account, choice.value)); } catch (error) { choice.value = one.role; toast(error.message); }
  });
  return choice;
}

const remove = (one) => button("Remove", () => dialogForm({
  title: `Remove ${one.account}?`,
  text: "They act for the organization no more. What they made with their own tokens stays theirs.",
  action: "Remove",
  danger: true,
  submit: async () => { await call(at(one.account), { method: "DELETE" }); await load(); },
}), { class: "button small danger", "aria-label": `Remove ${one.account}` });

function show({ members }) {
  const heads = ["Username", "Name", "Role", "Since", ...(manages ? [make("span", { class: "sr" }, "Actions")] : [])];
  const cell = (word, ...children) => make("td", { role: "cell", data: { word } }, ...children);
  const rows = members.map((one) => make("tr", { role: "row" }, make("th", { scope: "row", role: "rowheader", data: { word: "Username" } }, make("code", {}, one.account)), cell("Name", one.name),
    cell("Role", role(one)), cell("Since", when(one.added_at)), manages && make("td", { class: "actions", role: "cell" }, remove(one))));
  box.replaceChildren(make("div", { class: "table-box", tabIndex: 0, role: "region", "aria-label": "People" }, make("table", { class: "table stacked", role: "table" }, make("caption", { class: "sr" }, "People"),
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...heads.map((head) => make("th", { scope: "col", role: "columnheader" }, head)))), make("tbody", { role: "rowgroup" }, ...rows))));
}

async function load() {
  try { show(await call(path)); } catch (error) { box.replaceChildren(make("p", { class: "fault", role: "alert" }, error.message)); }
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const fault = form.querySelector("[data-fault]");
  fault.hidden = true;
  try {
    show(await put(form.elements.account.value.trim(), form.elements.role.value));
    form.reset();
  } catch (error) {
    fault.textContent = error.message;
    fault.hidden = false;
  }
});
load();
