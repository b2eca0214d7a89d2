// Webhooks: the secret that signs them, and the latest deliveries.
import { call } from "./api.js";
import { dialogForm } from "./ask.js";
import { button, copier, make, segments, toast } from "./dom.js";
import { exact } from "./format.js";
import { delivery, deliveryTable } from "./deliveries.js";

const part = (name) => document.querySelector(`[data-${name}]`);
const EVERY_MS = 4000;
const { box, rows } = deliveryTable(true);
const none = part("none");
const older = button("Older", () => look(next));
let kind = "deliveries";
let next = null;
let told = "";
let timer = 0;

function showSecret(key) {
  const hide = button("Hide", () => hideSecret(), { class: "button small" });
  part("secret").replaceChildren(make("code", {}, key), copier(() => key, "Copy the secret"), hide);
}

function hideSecret() {
  const reveal = button("Reveal", async () => {
    try { showSecret((await call("/webhooks/default/secret")).key); } catch (error) { toast(error.message); }
  }, { class: "button small" });
  part("secret").replaceChildren(make("code", { "aria-hidden": "true" }, "whsec_••••••••••••••••"), reveal);
}

part("rotate").addEventListener("click", async () => {
  const made = await dialogForm({
    title: "Replace the signing secret?", text: "The one of now signs as well for a day, so that receivers have time to learn the new one.", action: "Replace",
    danger: true, submit: () => call("/webhooks/default/secret/rotate", { method: "POST" }),
  });
  if (!made) return;
  showSecret(made.key);
  if (made.previous_expires_at) part("until").textContent = `The one before signs as well until ${exact(made.previous_expires_at)}.`;
});

// A page of deliveries; the first one is looked at again and again.
async function look(from = null) {
  clearTimeout(timer);
  const asked = kind;
  try {
    const page = await call(from ?? `/webhooks/${kind}`);
    if (asked !== kind) return;
    const text = JSON.stringify(page.results);
    next = page.next ? `/webhooks/${kind}${new URL(page.next).search}` : null;
    if (text !== told) rows.replaceChildren(...page.results.map((one) => delivery(one, () => look(from), true)));
    told = text;
    box.hidden = !page.results.length;
    none.hidden = page.results.length > 0;
    older.hidden = !next;
  } catch (error) { toast(error.message); }
  if (!from) timer = setTimeout(() => (document.hidden ? again() : look()), EVERY_MS);
}
const again = () => { timer = setTimeout(() => (document.hidden ? again() : look()), EVERY_MS); };

part("deliveries").append(box, make("p", { class: "actions" }, older));
hideSecret();
segments(part("kinds"), [["deliveries", "All"], ["dead", "Given up"]], (key) => { kind = key; told = ""; look(); });
