// What a deployment runs: a model, one of its versions, hardware, and how many instances.
import { call } from "./api.js";
import { labelled } from "./ask.js";
import { make, unique } from "./dom.js";
import { ago } from "./format.js";

const number = (value) => make("input", { type: "number", min: 0, max: 1000, step: 1, value: String(value), required: true });

export class ReleaseForm {
  // given: {model, version, hardware, min_instances, max_instances}, what the fields begin with. before: what runs now.
  constructor(given = {}, before = {}) {
    this.wanted = given.version;
    const list = make("datalist", { id: unique("models") });
    this.model = make("input", { value: given.model ?? "", required: true, autocomplete: "off", spellcheck: false, placeholder: "owner/name", class: "mono-input" });
    this.model.setAttribute("list", list.id);
    this.changes = make("p", { class: "help", hidden: true });
    this.before = before;
    this.version = make("select", { required: true, class: "mono-input" });
    this.hardware = make("select", { required: true });
    this.least = number(given.min_instances ?? 0);
    this.most = number(given.max_instances ?? 1);
    this.fields = [list, labelled("Model", this.model), labelled("Version", this.version), this.changes, labelled("Hardware", this.hardware),
      make("div", { class: "split" }, labelled("Fewest instances", this.least, "Kept ready at all times."), labelled("Most instances", this.most, "Both 0: disabled."))];
    this.model.addEventListener("change", () => this.#versions());
    this.version.addEventListener("change", () => this.#compare());
    this.#versions();
    this.#offers(list, given.hardware);
  }

  async #offers(list, chosen) {
    const [models, hardware] = await Promise.all([call("/models"), call("/hardware")]);
    list.replaceChildren(...models.results.filter((one) => one.latest_version).map((one) => make("option", { value: `${one.owner}/${one.name}` })));
    const known = hardware.some(({ sku }) => sku === chosen) || !chosen ? hardware : [...hardware, { sku: chosen, name: chosen }];
    this.hardware.replaceChildren(...known.map(({ sku, name }) => make("option", { value: sku, selected: sku === chosen }, name === sku ? name : `${name} (${sku})`)));
  }

  async #versions() {
    const model = this.model.value.trim();
    let found = [];
    this.model.setCustomValidity("");
    if (/^[^/\s]+\/[^/\s]+$/.test(model)) {
      try { found = (await call(`/models/${model}/versions`)).results; } catch { this.model.setCustomValidity("There is no such model."); }
    }
    if (model !== this.model.value.trim()) return;
    this.version.replaceChildren(...found.map(({ id, created_at: at }, index) => make("option", { value: id, selected: id === this.wanted }, `${id.slice(0, 12)}, ${ago(at)}${index ? "" : ", newest"}`)));
    if (this.wanted && !found.some(({ id }) => id === this.wanted) && found.length === 100) this.version.append(make("option", { value: this.wanted, selected: true }, this.wanted.slice(0, 12)));
    this.#compare();
  }

  // Where it is another version of the same model: what that changes for callers.
  #compare() {
    const [model, to] = [this.model.value.trim(), this.version.value];
    const { model: same, version: from } = this.before;
    this.changes.hidden = !from || !to || model !== same || from === to;
    const address = `/${model}/versions?from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`;
    this.changes.replaceChildren(make("a", { href: address, target: "_blank" }, "What changes for callers"));
  }

  values() {
    return { model: this.model.value.trim(), version: this.version.value, hardware: this.hardware.value, min_instances: Number(this.least.value), max_instances: Number(this.most.value) };
  }
}
