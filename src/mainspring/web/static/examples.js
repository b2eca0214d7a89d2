// Saved predictions of the model; today that is its default example, when it has one.
import { call } from "./api.js";
import { make, pageData } from "./dom.js";
import { Result } from "./result.js";

const data = pageData();
const place = document.querySelector("[data-examples]");

async function show() {
  if (!data.account) return;
  const { default_example: example } = await call(`/models/${data.model}`);
  if (!example) return;
  const box = make("div");
  new Result(box, { text: data.streams.text }).show(example);
  place.replaceChildren(box, make("p", { class: "actions" }, make("a", { class: "button", href: `/${data.model}?from=${example.id}` }, "Open in the playground")));
}

show().catch(() => { /* the page says that there is none */ });
