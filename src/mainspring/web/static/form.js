// The form of a version: fields from its schema, their values, and what is wrong with them.
import { make, unique } from "./dom.js";
import { fault, fields } from "./schema.js";
import { widget } from "./widgets.js";

let pressed = false;
for (const name of ["pointerdown", "pointerup", "pointercancel"]) document.addEventListener(name, () => { pressed = name === "pointerdown"; }, true);

export class Form {
  constructor(element, input) {
    this.element = element;
    this.fields = fields(input).map((field) => this.#row(field));
    const current = this.fields.filter((field) => !field.deprecated);
    const old = this.fields.filter((field) => field.deprecated);
    element.append(...current.map((field) => field.row));
    if (old.length) {
      element.append(make("details", { class: "old" }, make("summary", {}, `Deprecated inputs (${old.length})`), make("div", { class: "fields" }, ...old.map((field) => field.row))));
    }
    if (!this.fields.length) element.append(make("p", { class: "muted" }, "It takes no input."));
    this.fill({});
  }

  get names() { return this.fields.map((field) => field.name); }

  #row(field) {
    const [id, helpId, faultId, labelId] = ["input", "help", "fault", "label"].map(unique);
    const made = widget(Object.assign(field, { id, labelId }));
    const label = made.group ? make("span", { id: labelId, class: "label" }, field.name) : make("label", { id: labelId, htmlFor: id }, field.name);
    const canBeOut = !field.required && field.fallback === undefined;
    const include = canBeOut && make("input", { type: "checkbox", "aria-label": "Include", "aria-describedby": labelId });
    const head = make("div", { class: "field-head" }, label, make("span", {}, field.type), field.required && make("span", { class: "required" }, "required"),
      field.limits && make("span", { class: "limits" }, field.limits), include && make("label", { class: field.limits ? "include" : "include limits" }, include, make("span", { "aria-hidden": "true" }, "include")));
    const told = make("p", { class: "fault", id: faultId, hidden: true });
    const row = make("div", { class: "field", data: { name: field.name } }, head, make("div", { class: "widget" }, made.element), field.help && make("p", { class: "help", id: helpId }, field.help), told);
    made.control.setAttribute("aria-describedby", [field.help && helpId, faultId].filter(Boolean).join(" "));
    if (field.required && ["text", "secret", "choice", "number", "json"].includes(field.kind)) made.control.setAttribute("aria-required", "true");
    row.addEventListener("input", (event) => {
      if (event.target === include) row.classList.toggle("out", !include.checked);
      else this.#include(field, true);
      this.#tell(field, "");
    });
    row.addEventListener("focusout", (event) => {
      if (event.target === include || row.contains(event.relatedTarget)) return;
      // Words that appear while the pointer is down would move the button away under it.
      if (pressed) document.addEventListener("pointerup", () => setTimeout(() => this.#check(field, false)), { once: true });
      else this.#check(field, false);
    });
    return Object.assign(field, { row, include, told, ...made });
  }

  #include(field, on) {
    if (!field.include) return;
    field.include.checked = on;
    field.row.classList.toggle("out", !on);
  }

  // Fill with these values; inputs that are not among them get their defaults.
  fill(values) {
    for (const field of this.fields) {
      const given = Object.hasOwn(values, field.name) ? values[field.name] : field.fallback;
      field.set(given ?? undefined);
      this.#include(field, given !== undefined && given !== null);
      this.#tell(field, "");
    }
  }

  #value(field) {
    if (field.include && !field.include.checked) return undefined;
    return field.get();
  }

  // The values now; files as they are held. What can't be read or is left out is not there.
  values() {
    const found = {};
    for (const field of this.fields) {
      try {
        const value = this.#value(field);
        if (value !== undefined) found[field.name] = value;
      } catch { /* told at the field */ }
    }
    return found;
  }

  // The values as the API takes them. Uploads what is large.
  async sent() {
    const send = async (value) => {
      if (Array.isArray(value)) return Promise.all(value.map(send));
      return value?.send ? value.send() : value;
    };
    const entries = Object.entries(this.values()).map(async ([name, value]) => [name, await send(value)]);
    return Object.fromEntries(await Promise.all(entries));
  }

  #fault(field, complain) {
    try {
      const value = this.#value(field);
      const empty = value === undefined || (Array.isArray(value) && !value.length && !complain);
      if (empty) return field.required && complain && field.kind !== "boolean" && value === undefined ? "is required" : "";
      if (value?.file) return "";
      if (Array.isArray(value) && field.item === "file") return fault({ ...field.schema, items: {} }, value);
      return fault(field.schema, value);
    } catch (error) { return error.message; }
  }

  #check(field, complain) {
    const wrong = this.#fault(field, complain);
    this.#tell(field, wrong);
    return wrong;
  }

  // Every fault as [name, text]; each is shown at its field.
  check() {
    return this.fields.map((field) => [field.name, this.#check(field, true)]).filter(([, wrong]) => wrong);
  }

  // Faults ([name or "", text]) told at their fields, and all of them above the form: what is to be shown there.
  summary(faults, title = faults.length === 1 ? "One input needs another look:" : `${faults.length} inputs need another look:`) {
    const rows = faults.map(([name, text]) => {
      const field = this.fields.find((one) => one.name === name);
      if (!field) return make("li", {}, text);
      this.#tell(field, text);
      return make("li", {}, make("a", { href: `#${name}`, on: { click: (event) => { event.preventDefault(); this.focus(name); } } }, `${name} ${text}`));
    });
    return [make("p", {}, title), make("ul", {}, ...rows)];
  }

  #tell(field, text) {
    field.told.textContent = text ? `${field.name} ${text}` : "";
    field.told.hidden = !text;
    if (text) field.control.setAttribute("aria-invalid", "true");
    else field.control.removeAttribute("aria-invalid");
  }

  focus(name) {
    const field = this.fields.find((one) => one.name === name);
    field?.row.closest("details")?.setAttribute("open", "");
    field?.row.scrollIntoView({ block: "center" });
    field?.control.focus({ preventScroll: true });
  }
}
