// Questions before something is done, and forms, as dialogs.
import { button, make, unique } from "./dom.js";

// A dialog with a form. fields: elements; submit() may throw, what it says is shown. Resolves to what submit gave, or null.
export function dialogForm({ title, text, fields = [], action, danger = false, submit = () => true }) {
  return new Promise((resolve) => {
    const head = unique("dialog");
    const told = make("p", { class: "fault", role: "alert", hidden: true });
    const go = make("button", { type: "submit", class: danger ? "button danger" : "button primary" }, action);
    const form = make("form", { method: "dialog", class: "dialog-form" }, make("h2", { id: head }, title), text && make("p", { class: "muted" }, text), ...fields, told,
      make("p", { class: "actions" }, go, button("Close", () => dialog.close(), { class: "button quiet" })));
    const dialog = make("dialog", { "aria-labelledby": head }, form);
    let given = null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      go.disabled = true;
      told.hidden = true;
      try {
        given = await submit();
        dialog.close();
      } catch (error) {
        told.textContent = error.message;
        told.hidden = false;
        go.disabled = false;
      }
    });
    dialog.addEventListener("close", () => { dialog.remove(); resolve(given); });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// A label, its field and a line of help, in the order in which they are read.
export function labelled(label, field, help) {
  const id = unique("field");
  const helpId = unique("help");
  field.id = id;
  if (help) field.setAttribute("aria-describedby", helpId);
  return make("div", { class: "row" }, make("label", { htmlFor: id }, label), field, help && make("p", { class: "help", id: helpId }, help));
}
