// The machine as a strip: a bar for each thing that can run out, with its figures beside it.
import { make } from "./dom.js";
import { bytes } from "./format.js";

const share = (part, whole) => `${Math.min(100, Math.max(0, (100 * part) / (whole || 1)))}%`;

function resource(name, told, { used, reserved, total }, figures) {
  const full = make("i", { class: "used" });
  const held = make("i", { class: "reserved" });
  for (const [bar, amount] of [[full, used], [held, reserved]]) bar.classList.toggle("nothing", !amount);
  full.style.width = share(used, total);
  held.style.width = share(reserved, total);
  return make("li", {}, make("span", { class: "machine-name" }, make("strong", {}, name), told && make("span", { class: "muted" }, told)),
    make("span", { class: "gauge", "aria-hidden": "true" }, held, full), make("span", { class: "machine-figures figure" }, figures.filter(Boolean).join(" · ")));
}

const one = (number) => Number(number.toFixed(1)).toString();

function gpu(it, instances) {
  const on = instances.filter((each) => it.instances.includes(each.id)).length;
  const figures = [`${bytes(it.memory_used)} of ${bytes(it.memory_total)}`, `${bytes(it.memory_reserved)} set aside`, it.busy !== null && `${Math.round(100 * it.busy)} % busy`,
    it.temperature !== null && `${it.temperature} °C`, it.power !== null && `${Math.round(it.power)} W`, `${on} ${on === 1 ? "instance" : "instances"}`];
  return resource(`GPU ${it.index}`, it.name, { used: it.memory_used, reserved: it.memory_reserved, total: it.memory_total }, figures);
}

export function drawMachine(list, { cpus, memory, gpus }, instances) {
  const taken = memory.total - memory.available;
  list.replaceChildren(
    resource("Cores", "", { used: cpus.load, reserved: cpus.reserved, total: cpus.total }, [`load ${one(cpus.load)} of ${one(cpus.total)}`, `${one(cpus.reserved)} set aside`]),
    resource("Memory", "", { used: taken, reserved: memory.reserved, total: memory.total }, [`${bytes(taken)} of ${bytes(memory.total)}`, `${bytes(memory.reserved)} set aside`, `${bytes(memory.for_models)} for models`]),
    ...gpus.map((it) => gpu(it, instances)),
  );
}
