// One widget per kind of input: {element, control, group?, get(), set(value)}; a group is no form control for a <label>. get() gives undefined for what is left empty.
// get() throws SyntaxError for what can't be read. A change makes a bubbling "input" event.
import { icon, iconButton, make, unique, button } from "./dom.js";
import { filesWidget, fileWidget } from "./files.js";
import { sortable, sorters } from "./sorting.js";

const told = (element) => element.dispatchEvent(new Event("input", { bubbles: true }));

export function widget(field) {
  return ({ text, secret, choice, number, boolean: checkbox, file: fileWidget, list, json })[field.kind](field);
}

function text(field) {
  const long = field.schema.format !== "date" && (field.schema.maxLength ?? 1000) > 40;
  const rows = /prompt|text|story|message|question|description/i.test(field.name) ? 3 : 1;
  const control = long ? make("textarea", { rows, class: rows > 1 && "tall", id: field.id }) : make("input", { type: "text", id: field.id });
  const get = () => control.value || (field.fallback === undefined ? undefined : "");
  return { element: control, control, get, set: (value) => { control.value = value ?? ""; } };
}

function secret(field) {
  const control = make("input", { type: "password", id: field.id, autocomplete: "new-password", spellcheck: false, placeholder: "not kept readable" });
  return { element: control, control, get: () => control.value || undefined, set: (value) => { control.value = value === "**********" ? "" : value ?? ""; } };
}

function choice(field) {
  const values = field.schema.enum.filter((one) => one !== null);
  // An item of a list has no label of its own, and a row that is short.
  return field.labelId && fitsInALine(values) ? pick(field, values) : select(field, values);
}

// 2 to 4 words that fit beside each other on a phone.
const fitsInALine = (values) => values.length >= 2 && values.length <= 4 && values.join("").length <= 30;

function pick(field, values) {
  const options = values.map(() => make("input", { type: "radio", name: field.id }));
  const control = make("div", { id: field.id, class: "pick", role: "radiogroup", "aria-labelledby": field.labelId },
    ...values.map((one, at) => make("label", {}, options[at], make("span", {}, String(one)))));
  control.focus = (how) => (options.find((one) => one.checked) ?? options[0]).focus(how);
  return {
    element: control, control, group: true,
    get: () => values[options.findIndex((one) => one.checked)],
    set: (value) => { for (const [at, one] of options.entries()) one.checked = values[at] === value; },
  };
}

function select(field, values) {
  const empty = field.fallback === undefined && make("option", { value: "" }, field.required ? "Choose…" : "—");
  const control = make("select", { id: field.id }, empty, ...values.map((one, at) => make("option", { value: String(at) }, String(one))));
  return {
    element: control, control,
    get: () => (control.value === "" ? undefined : values[Number(control.value)]),
    set: (value) => { const at = values.indexOf(value); control.value = at < 0 ? "" : String(at); },
  };
}

function number(field) {
  const { minimum, maximum } = field.schema;
  const whole = field.schema.type === "integer";
  const control = make("input", { type: "number", id: field.id, inputMode: whole ? "numeric" : "decimal", step: whole ? "1" : "any", min: minimum, max: maximum });
  const parts = [control];
  let slider = null;
  const seed = /(^|_)seed$/.test(field.name);
  if (minimum !== undefined && maximum !== undefined && !seed && maximum > minimum) {
    const step = whole ? Math.max(1, Math.round((maximum - minimum) / 1000)) : (maximum - minimum) / 200;
    slider = make("input", { type: "range", min: minimum, max: maximum, step, tabIndex: -1, "aria-hidden": "true" });
    const round = (value) => (whole ? value : String(Number(Number(value).toPrecision(4))));
    slider.addEventListener("input", (event) => { event.stopPropagation(); control.value = round(slider.value); told(control); });
    control.addEventListener("input", () => { slider.value = control.value === "" ? minimum : control.value; });
    parts.unshift(slider);
  }
  if (seed) {
    parts.push(iconButton("dice", "Roll a random seed", () => {
      const most = Math.min(maximum ?? 2 ** 31 - 1, 2 ** 31 - 1);
      control.value = String((minimum ?? 0) + crypto.getRandomValues(new Uint32Array(1))[0] % (most - (minimum ?? 0) + 1));
      told(control);
    }));
  }
  return {
    element: make("div", { class: `widget-line${slider ? "" : " long"}` }, ...parts), control,
    get: () => {
      if (control.validity.badInput) throw new SyntaxError("has to be a number");
      return control.value === "" ? undefined : Number(control.value);
    },
    set: (value) => { control.value = value ?? ""; if (slider) slider.value = value ?? minimum; },
  };
}

function checkbox(field) {
  const control = make("input", { type: "checkbox", id: field.id });
  return { element: make("div", { class: "widget-line" }, control), control, get: () => control.checked, set: (value) => { control.checked = Boolean(value); } };
}

function list(field) {
  if (field.item === "file") return filesWidget(field);
  const rows = sortable(make("ul", { class: "items" }));
  const one = { ...field, name: "", labelId: undefined, kind: field.item, schema: { maxLength: 40, ...field.schema.items }, fallback: undefined, required: false };
  const add = (value, focus = false) => {
    const inner = widget({ ...one, id: unique("item") });
    inner.set(value);
    const row = make("li", { class: "item" }, inner.element);
    row.append(...sorters(row, () => { number_(); told(element); }), iconButton("close", "Remove", () => { row.remove(); number_(); told(element); }));
    row.inner = inner;
    rows.append(row);
    number_();
    if (focus) { inner.control.focus(); told(element); }
  };
  const number_ = () => { for (const [at, row] of [...rows.children].entries()) row.inner.control.setAttribute("aria-label", `${field.name} ${at + 1}`); };
  const adder = button("", () => add(undefined, true), { class: "button small", id: field.id, "aria-label": `Add to ${field.name}` });
  adder.append(icon("plus"), "Add");
  const element = make("div", { role: "group", "aria-labelledby": field.labelId }, rows, adder);
  const values = () => [...rows.children].map((row) => row.inner.get()).filter((value) => value !== undefined);
  return {
    element, control: adder, group: true,
    get: () => { const found = values(); return found.length || field.required ? found : undefined; },
    set: (value) => { rows.replaceChildren(); for (const item of value ?? []) add(item); },
  };
}

function json(field) {
  const control = make("textarea", { class: "mono-input", id: field.id, rows: 3, spellcheck: false, placeholder: field.schema.type === "array" ? "[ ]" : field.schema.many ? '"text", 1, …' : "{ }" });
  return {
    element: control, control,
    get: () => {
      if (!control.value.trim()) return undefined;
      try { return JSON.parse(control.value); } catch (error) { throw new SyntaxError(`is not valid JSON: ${error.message}`); }
    },
    set: (value) => { control.value = value === undefined || value === null ? "" : JSON.stringify(value, null, 2); },
  };
}
