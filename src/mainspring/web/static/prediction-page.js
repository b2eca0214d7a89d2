// The page of a prediction: all of it, live while it runs.
import { call, cancel, ended, predict, prediction as look } from "./api.js";
import { dialogForm } from "./ask.js";
import { button, copier, make, toast } from "./dom.js";
import { deliveries } from "./deliveries.js";
import { follow } from "./follow.js";
import { facts, inputs, isTraining, pictureIn, versionPage } from "./prediction-parts.js";
import { Result } from "./result.js";
import { Sharing } from "./sharing.js";

const page = document.querySelector("[data-prediction]");
const part = (name) => page.querySelector(`[data-${name}]`);
const id = page.dataset.prediction;
const owners = page.dataset.owners.split(" ");
let following = null;

// Do it with the button off; what goes wrong is said.
async function act(it, doing) {
  it.disabled = true;
  try { await doing(); } catch (error) { toast(error.message); it.disabled = false; }
}

const again = (one) => button("Run again", (event) => act(event.currentTarget, async () => {
  location.href = `/p/${(await predict(`${one.model}:${one.version}`, one.input)).id}`;
}));

const stop = () => button("Cancel", (event) => act(event.currentTarget, async () => { await cancel(id); following.hurry(); }), { class: "button danger" });

const example = (one) => button("Save as example", () => {
  const first = make("input", { type: "checkbox", name: "default" });
  dialogForm({
    title: "Save as example?", text: `It is shown with ${one.model} to whoever may see the model, and keeps its data.`, action: "Save",
    fields: [make("label", { class: "choice-line" }, first, "Make it the default: the page of the model opens with it")],
    submit: () => call(`/models/${one.model}/examples`, { method: "POST", body: { prediction: id, default: first.checked } }),
  }).then((saved) => { if (saved) toast("Saved with the model"); });
});

const remove = (show) => button("Delete data", () => dialogForm({
  title: "Delete its data now?", text: "Input, output, logs and output files go for good. That it ran, and for how long, stays.", action: "Delete", danger: true,
  submit: async () => { const gone = await call(`/predictions/${id}/data`, { method: "DELETE" }); show(gone); return true; },
}), { class: "button danger" });

function actions(one, sharing, show) {
  const edit = make("a", { class: "button", href: `${versionPage(one)}?from=${id}` }, "Edit in the playground");
  if (isTraining(one)) return ended(one.status) ? [make("a", { class: "button", href: `/${one.model}/train` }, "Train again")] : [stop()];
  if (!ended(one.status)) return [stop(), edit];
  if (one.data_removed) return [];
  // Secrets come back masked: they have to be given again.
  const masked = Object.values(one.input ?? {}).flat().includes("**********");
  const mine = one.status === "succeeded" && owners.includes(one.model.split("/")[0]);
  return [!masked && again(one), edit, mine && example(one), sharing.button, remove(show)].filter(Boolean);
}

async function isText({ model, version }) {
  try {
    const { openapi_schema: schema } = await call(`/models/${model}/versions/${version}`);
    return schema?.components?.schemas?.Output?.["x-cog-array-display"] === "concatenate";
  } catch { return false; }
}

function trouble(text) {
  part("trouble").textContent = text;
  part("trouble").hidden = !text;
}

async function open() {
  let first;
  try { first = await look(id); } catch (error) {
    part("result").replaceChildren(make("div", { class: "empty" }, make("p", {}, error.status === 404 ? "Your account has no prediction with this id." : error.message)));
    return;
  }
  const training = isTraining(first);
  const text = !training && await isText(first);
  const result = new Result(part("result"), { text, before: training ? undefined : pictureIn(first) });
  let last = first;
  const tell = () => part("facts").replaceChildren(...facts(last, sharing.shared));
  const sharing = new Sharing(part("sharing"), id, () => tell());
  let shown = "";
  const show = (one) => {
    const now = `${one.status} ${one.data_removed}`;
    trouble("");
    result.show(one);
    last = one;
    tell();
    if (shown !== now) {
      part("actions").replaceChildren(...actions(one, sharing, show));
      part("input").replaceChildren(...inputs(one));
      if (ended(one.status) && !training) sharing.look(!one.data_removed);
    }
    shown = now;
  };
  if (training) { part("over").textContent = "Trainings"; part("over").href = "/trainings"; }
  result.more.append(copier(() => location.href, "Copy the link"));
  show(first);
  if (first.webhook) deliveries(part("deliveries"), id);
  if (!ended(first.status)) following = follow(first, { text, changed: show, said: (output) => result.say(output), lost: (error) => trouble(error.message) });
}

open();
