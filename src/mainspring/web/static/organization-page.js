// The people of an organization; who manages it adds and removes them and changes their roles.
import { call } from "./api.js";
import { dialogForm } from "./ask.js";
import { button, make, toast } from "./dom.js";
import { when } from "./listing.js";
import { body, cell, head, row, table } from "./table.js";

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
  const made = table("People", ["Username", "Name", "Role", "Since", ...(manages ? [""] : [])].map((word) => [word]));
  made.table.append(body(...members.map((one) => row(head("Username", make("code", {}, one.account)), cell("Name", one.name), cell("Role", role(one)), cell("Since", when(one.added_at)),
    manages && cell("", remove(one), { class: "actions" })))));
  box.replaceChildren(made.box);
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
