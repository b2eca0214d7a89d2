// Spending limits: how far each is used up, setting one, lifting one.
import { call } from "./api.js";
import { dialogForm, labelled } from "./ask.js";
import { button, make } from "./dom.js";

const share = (part, limit) => `${Math.min(100, (100 * part) / (limit || 1))}%`;
const often = { month: "monthly", day: "daily" };

function resets(text) {
  const hours = (Date.parse(text) - Date.now()) / 3_600_000;
  const left = hours < 48 ? `${Math.max(1, Math.round(hours))} h` : `${Math.round(hours / 24)} d`;
  return `Resets on ${new Date(text).toLocaleDateString("en", { day: "numeric", month: "long", timeZone: "UTC" })} (UTC), in ${left}`;
}

function gauge({ spent, running, hard, soft }) {
  const whole = Number(hard ?? soft);
  const bars = [["reserved", Number(spent) + Number(running)], ["used", Number(spent)]].map(([name, part]) => {
    const bar = make("i", { class: part > 0 ? name : "nothing" });
    bar.style.width = share(part, whole);
    return bar;
  });
  const mark = hard !== null && soft !== null && make("i", { class: "mark-line" });
  if (mark) mark.style.left = share(Number(soft), whole);
  return make("span", { class: "gauge", "aria-hidden": "true" }, ...bars, mark);
}

function words({ spent, running, hard, soft, reached, warning, resets_at: at }) {
  const most = hard !== null ? ` of $${hard}` : "";
  const held = Number(running) ? `, $${running} reserved for what is unfinished` : "";
  const warns = soft !== null && `Warns at $${soft}`;
  const state = reached ? make("span", { class: "chip bad" }, "reached: the next run is refused") : warning && make("span", { class: "chip warn" }, "more than the soft limit");
  return make("span", { class: "limit-words" }, make("span", { class: "figure" }, `$${spent}${most}${held}`), state, make("span", { class: "muted" }, [warns, resets(at)].filter(Boolean).join(". ")));
}

export class LimitList {
  // names: what tokens are called, by id. changed(limits) is called with those that the API tells then.
  constructor({ list, none, account, reader, operator, names, changed }) {
    Object.assign(this, { list, none, account, reader, operator, names, changed });
  }

  show(limits) {
    this.list.replaceChildren(...limits.map((one) => this.#row(one)));
    this.list.hidden = !limits.length;
    this.none.hidden = limits.length > 0;
  }

  #whose({ account, token }) { return token ? `Token ${this.names.get(token) ?? token}` : `Account ${account}`; }

  #row(one) {
    const what = `${this.#whose(one)}, ${often[one.period]}`;
    const fixed = one.by_operator && this.reader !== this.operator;
    const actions = fixed ? make("span", { class: "chip", title: "Only the operator of this platform can change it." }, "set by the operator")
      : make("span", { class: "actions" }, button("Change", () => this.set(one), { class: "button small", "aria-label": `Change: ${what}` }), button("Lift", () => this.#lift(one, what), { class: "button small danger", "aria-label": `Lift: ${what}` }));
    return make("li", { class: `limit${one.reached ? " reached" : one.warning ? " warned" : ""}` },
      make("span", {}, make("strong", {}, this.#whose(one)), make("span", { class: "muted" }, `every ${one.period}`)), gauge(one), words(one), actions);
  }

  #lift(one, what) {
    const query = new URLSearchParams({ period: one.period, account: one.account, ...(one.token ? { token: one.token } : {}) });
    return dialogForm({
      title: "Lift this limit?", text: `${what}: nothing is refused or warned of for it any more.`, action: "Lift", danger: true,
      submit: async () => { await call(`/limits?${query}`, { method: "DELETE" }); this.changed((await call(`/limits?account=${encodeURIComponent(this.account)}`)).results); return true; },
    });
  }

  // A dialog for a new limit, or for one that is there.
  set(one = null) {
    const whose = make("select", { disabled: Boolean(one) }, make("option", { value: "" }, `Account ${this.account}`), ...[...this.names].map(([id, name]) => make("option", { value: id }, `Token ${name}`)));
    if (one?.token && !this.names.has(one.token)) whose.append(make("option", { value: one.token }, `Token ${one.token}`));
    const period = make("select", { disabled: Boolean(one) }, make("option", { value: "month" }, "month"), make("option", { value: "day" }, "day"));
    const amount = (value) => make("input", { inputMode: "decimal", autocomplete: "off", value: value ?? "", placeholder: "none" });
    const [hard, soft] = [amount(one?.hard), amount(one?.soft)];
    const hook = make("input", { type: "url", autocomplete: "off", value: one?.webhook ?? "", placeholder: "https://example.com/spending" });
    whose.value = one?.token ?? "";
    period.value = one?.period ?? "month";
    return dialogForm({
      title: one ? "Change the limit" : "Set a limit", text: "Months and days are those of UTC.", action: one ? "Save" : "Set",
      fields: [labelled("For", whose), labelled("Every", period), labelled("Refuse beyond ($)", hard, "Once so much is spent, what costs something is refused."), labelled("Warn at ($)", soft, "Pages show it then, and the webhook hears of it once."), labelled("Webhook", hook, "Told once in each period when a limit is reached.")],
      submit: () => this.#put(whose.value, period.value, hard.value.trim(), soft.value.trim(), hook.value.trim()),
    });
  }

  async #put(token, period, hard, soft, webhook) {
    const name = often[period];
    if (!hard && !soft) throw new Error("Say at least one amount, like 5.00.");
    const plain = (text) => text.replace(/^\$/, "") || null;
    for (const text of [hard, soft]) if (text && !/^\$?\d+(\.\d+)?$/.test(text)) throw new Error(`${text} is not an amount in dollars. Write it like 5.00.`);
    const body = { account: this.account, [name]: plain(hard), [`${name}_soft`]: plain(soft), webhook: webhook || null, ...(token ? { token } : {}) };
    try {
      this.changed((await call("/limits", { method: "PUT", body })).results);
    } catch (error) {
      throw new Error(error.fields[0]?.description ?? error.message);
    }
    return true;
  }
}
