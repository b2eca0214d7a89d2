// A shared prediction, for whoever has its link.
import { call } from "./api.js";
import { copier, make } from "./dom.js";
import { facts, inputs, pictureIn } from "./prediction-parts.js";
import { Result } from "./result.js";

const page = document.querySelector("[data-shared]");
const part = (name) => page.querySelector(`[data-${name}]`);

try {
  const one = await call(`/shared/${page.dataset.shared}`);
  const result = new Result(part("result"), { text: page.dataset.text === "1", before: pictureIn(one) });
  result.more.append(copier(() => location.href, "Copy the link"));
  result.show(one);
  part("facts").replaceChildren(...facts(one));
  part("input").replaceChildren(...inputs(one));
} catch (error) {
  part("result").replaceChildren(make("div", { class: "empty" }, make("p", {}, error.message)));
}
