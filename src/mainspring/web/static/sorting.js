// Rows that are put into another order: dragged by their grip, or moved up by a button.
import { icon, iconButton, make } from "./dom.js";

// The two controls of a row; moved() is called when its place has changed.
export function sorters(row, moved) {
  const grip = make("span", { class: "grip", draggable: true, title: "Drag to sort", "aria-hidden": "true" }, icon("grip"));
  grip.addEventListener("dragstart", (event) => {
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setDragImage(row, 0, 0);
    row.classList.add("held");
  });
  grip.addEventListener("dragend", () => { row.classList.remove("held"); moved(); });
  return [grip, iconButton("up", "Move up", () => { row.previousElementSibling?.before(row); moved(); })];
}

// The list that the rows are in: what is held goes where the pointer is.
export function sortable(list) {
  for (const name of ["dragenter", "dragover", "drop"]) {
    list.addEventListener(name, (event) => {
      const held = list.querySelector(":scope > .held");
      if (!held) return;
      event.preventDefault();
      event.stopPropagation();
      const over = [...list.children].find((one) => one.contains(event.target));
      if (name !== "dragover" || !over || over === held) return;
      const { top, height } = over.getBoundingClientRect();
      if (event.clientY < top + height / 2) over.before(held);
      else over.after(held);
    });
  }
  return list;
}
