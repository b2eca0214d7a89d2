// What runs where: the machine, the lines, the instances; live.
import { call, signIn } from "./api.js";
import { make } from "./dom.js";
import { span } from "./format.js";
import { Instances } from "./instances.js";
import { drawMachine } from "./machine.js";

const page = document.querySelector("[data-fleet]");
const part = (name) => page.querySelector(`[data-${name}]`);
const live = new Instances(part("instances"), "Instances by model", ask);
const past = new Instances(part("ended"), "Instances that ended", ask);
let timer = 0;

function line(queue) {
  const [model, version] = [queue.model, queue.version];
  const name = queue.deployment ? `${queue.deployment}, release ${queue.release}` : model;
  return make("tr", {}, make("th", { scope: "row" }, make("a", { class: "row", href: `/predictions?status=starting&model=${model}` }, make("code", {}, name)), queue.training && make("span", { class: "chip" }, "training")),
    make("td", {}, make("code", { title: version }, version.slice(0, 8))), make("td", { class: "figure" }, queue.waiting.toLocaleString("en")),
    make("td", { class: "figure" }, span(Date.now() - Date.parse(queue.oldest))));
}

function draw(fleet) {
  const count = fleet.instances.length;
  part("asking").hidden = true;
  part("all").hidden = false;
  part("count").textContent = `${count} ${count === 1 ? "instance" : "instances"}, ${fleet.instances.reduce((sum, one) => sum + one.running, 0)} running`;
  drawMachine(part("machine"), fleet.machine, fleet.instances);
  part("waiting").hidden = fleet.queues.length === 0;
  part("queues").replaceChildren(...fleet.queues.map(line));
  live.show(fleet.instances);
  part("none").hidden = count > 0;
  past.show(fleet.ended);
  part("past").hidden = fleet.ended.length === 0;
  part("past").querySelector("summary").textContent = `Ended in the last week (${fleet.ended.length}${fleet.ended.length === 50 ? ", the newest" : ""})`;
}

async function ask() {
  clearTimeout(timer);
  let wait = document.hidden ? 15_000 : 1500;
  try {
    draw(await call("/fleet"));
    part("trouble").hidden = true;
  } catch (error) {
    if (error.status === 401) signIn();
    part("trouble").textContent = error.message;
    part("trouble").hidden = false;
    part("asking").hidden = true;
    wait = 5000;
  }
  timer = setTimeout(ask, wait);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) ask(); });
ask();
