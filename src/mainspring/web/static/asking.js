// A question before something that can't be taken back.
import { button, make, unique } from "./dom.js";

// Resolves to whether the answer was yes. verb: what is on the button, like "Stop".
export function confirmed(title, text, verb) {
  const head = unique("asking");
  return new Promise((answer) => {
    const close = (yes) => { dialog.close(); dialog.remove(); answer(yes); };
    const dialog = make("dialog", { class: "asking", "aria-labelledby": head, on: { cancel: (event) => { event.preventDefault(); close(false); } } },
      make("h2", { id: head }, title), make("p", {}, text),
      make("p", { class: "actions" }, button(verb, () => close(true), { class: "button danger" }), button("Keep it", () => close(false))));
    document.body.append(dialog);
    dialog.showModal();
    dialog.querySelectorAll("button")[1].focus();
  });
}
