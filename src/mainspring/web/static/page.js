// Copying, the theme, and the page of a prediction, which asks the public API with the reader's token.

const root = document.documentElement;
const themes = ["auto", "light", "dark"];

function stored(store, key, value) {
  try {
    if (value === undefined) return store().getItem(key);
    if (value === null) store().removeItem(key);
    else store().setItem(key, value);
  } catch { /* a browser that keeps nothing still shows everything */ }
  return value ?? null;
}

const theme = (value) => stored(() => localStorage, "mainspring.theme", value) ?? "auto";
const token = (value) => stored(() => sessionStorage, "mainspring.token", value);

function paint(name) {
  if (name === "light" || name === "dark") root.dataset.theme = name;
  else delete root.dataset.theme;
}

paint(theme());
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
else begin();

function begin() {
  const button = document.querySelector("[data-theme-switch]");
  const say = () => { button.textContent = `Theme: ${theme()}`; };
  button.hidden = false;
  button.addEventListener("click", () => {
    theme(themes[(themes.indexOf(theme()) + 1) % themes.length]);
    paint(theme());
    say();
  });
  say();
  for (const block of document.querySelectorAll(".code")) block.append(copier(() => block.querySelector("code").textContent));
  for (const id of document.querySelectorAll("[data-copy]")) id.after(" ", copier(() => id.dataset.copy));
  const page = document.querySelector("[data-prediction]");
  if (page) watch(page);
}

function make(tag, given = {}, ...children) {
  const element = Object.assign(document.createElement(tag), given);
  element.append(...children);
  return element;
}

function copier(text) {
  const button = make("button", { type: "button", className: "copy", textContent: "Copy" });
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select and copy";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return button;
}

// --- a prediction

const ended = new Set(["succeeded", "failed", "canceled", "aborted"]);
const pictures = /\.(png|jpe?g|webp|gif|avif|svg)$/i;
const sounds = /\.(wav|mp3|ogg|flac|m4a)$/i;
const films = /\.(mp4|webm|mov)$/i;

function watch(page) {
  const id = page.dataset.prediction;
  const part = (name) => page.querySelector(`[data-${name}]`);
  let joined = null;
  let shown = {};
  let wait = 400;
  let timer = 0;
  let turn = 0;

  async function call(path, method = "GET") {
    return fetch(path, { method, headers: { Authorization: `Bearer ${token()}` }, cache: "no-store" });
  }

  function ask(why) {
    part("waiting").hidden = part("found").hidden = true;
    part("token").hidden = false;
    part("refused").textContent = why;
    page.querySelector("#token").focus();
  }

  function trouble(text) {
    part("trouble").textContent = text;
    part("trouble").hidden = !text;
  }

  async function refresh() {
    clearTimeout(timer);
    const mine = ++turn;
    try {
      const response = await call(`/v1/predictions/${id}`);
      if (mine !== turn) return undefined;
      if (response.status === 401) { token(null); return ask("This token is not valid here."); }
      if (response.status === 404) return ask("The account of this token has no such prediction.");
      if (!response.ok) throw new Error(`The server answered ${response.status}.`);
      const prediction = await response.json();
      joined ??= await isText(prediction);
      if (mine !== turn) return undefined;
      show(prediction);
      trouble("");
    } catch (error) {
      if (mine !== turn) return undefined;
      part("waiting").hidden = true;
      part("found").hidden = false;
      trouble(`${error.message || "The server can't be reached."} Trying again.`);
    }
    if (ended.has(shown.status)) return undefined;
    timer = setTimeout(refresh, document.hidden ? 5000 : wait);
    wait = Math.min(wait * 1.2, 2000);
    return undefined;
  }

  async function isText({ model, version }) {
    const response = await call(`/v1/models/${model}/versions/${version}`);
    if (!response.ok) return false;
    const { openapi_schema: schema } = await response.json();
    return schema?.components?.schemas?.Output?.["x-cog-array-display"] === "concatenate";
  }

  function show(prediction) {
    const same = (key) => JSON.stringify(shown[key]) === JSON.stringify(prediction[key]);
    const done = ended.has(prediction.status);
    part("token").hidden = part("waiting").hidden = true;
    part("found").hidden = false;
    if (!same("status")) part("status").replaceChildren(make("span", { className: `state ${prediction.status}`, textContent: prediction.status }));
    part("cancel").hidden = done;
    part("facts").replaceChildren(...facts(prediction));
    bar(part("timeline"), prediction);
    if (!same("input")) part("input").replaceChildren(json(prediction.input));
    if (!same("output") || !same("error") || !same("status")) part("output").replaceChildren(...results(prediction, joined, done));
    part("logs-part").hidden = !prediction.logs;
    if (!same("logs")) {
      const logs = part("logs");
      const follow = logs.scrollTop + logs.clientHeight >= logs.scrollHeight - 8;
      logs.textContent = prediction.logs;
      if (follow) logs.scrollTop = logs.scrollHeight;
    }
    shown = prediction;
  }

  part("token").addEventListener("submit", (event) => {
    event.preventDefault();
    const field = page.querySelector("#token");
    token(field.value.trim());
    field.value = "";
    open();
  });
  part("cancel").addEventListener("click", async () => {
    part("cancel").disabled = true;
    const response = await call(`/v1/predictions/${id}/cancel`, "POST").catch(() => null);
    part("cancel").disabled = false;
    if (response?.ok) { wait = 400; refresh(); } else trouble("It could not be canceled.");
  });
  part("forget").addEventListener("click", () => { clearTimeout(timer); turn += 1; token(null); ask(""); });

  function open() {
    if (!token()) return ask("");
    shown = {};
    part("token").hidden = true;
    part("waiting").hidden = false;
    return refresh();
  }
  open();
}

function span(ms) {
  if (!Number.isFinite(ms)) return "";
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  return ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
}

function times({ created_at: created, started_at: started, completed_at: completed }) {
  const end = completed ? Date.parse(completed) : Date.now();
  const start = started ? Date.parse(started) : end;
  return { queued: start - Date.parse(created), ran: end - start };
}

function facts(prediction) {
  const { queued, ran } = times(prediction);
  const model = make("a", { href: `/${prediction.model}`, textContent: prediction.model });
  const rows = [["Model", model], ["Version", make("code", { textContent: prediction.version.slice(0, 12), title: prediction.version })],
    ["Created", moment(prediction.created_at)], ["Waited", span(queued)], ["Ran", prediction.started_at ? span(ran) : "not yet"]];
  if (prediction.completed_at) rows.push(["Completed", moment(prediction.completed_at)]);
  return rows.map(([word, value]) => make("div", {}, make("dt", { textContent: word }), make("dd", {}, value)));
}

function moment(text) {
  return make("time", { dateTime: text, title: text, textContent: new Date(text).toLocaleString() });
}

function bar(line, prediction) {
  const { queued, ran } = times(prediction);
  line.firstElementChild.style.flexGrow = Math.max(queued, 0);
  line.lastElementChild.style.flexGrow = Math.max(ran, 0);
}

function results({ output, error, status }, joined, done) {
  const found = [];
  if (error) found.push(make("pre", { className: "error", textContent: error }));
  if (output === null || output === undefined) {
    if (!error) found.push(make("p", { className: "muted", textContent: done ? "No output." : `Nothing yet: ${status}.` }));
    return found;
  }
  if (joined && Array.isArray(output)) found.push(value(output.join("")));
  else found.push(...(Array.isArray(output) && output.every((one) => typeof one === "string") ? output : [output]).map(value));
  return found;
}

// Only what this server keeps, or what is in the reply itself, is loaded; any other URL stays a link.
function value(one) {
  if (typeof one !== "string") return json(one);
  if (/^data:image\//i.test(one)) return make("img", { src: one, alt: "Output image" });
  if (!/^https?:\/\/\S+$/i.test(one) || !URL.canParse(one)) return make("pre", { className: "text", textContent: one });
  const url = new URL(one);
  const name = decodeURI(url.pathname.split("/").pop() || url.host);
  const link = make("a", { href: one, textContent: name, target: "_blank", rel: "noopener noreferrer" });
  const ours = url.origin === location.origin && url.pathname.startsWith("/outputs/");
  if (!ours) return make("p", {}, link);
  if (pictures.test(url.pathname)) return make("figure", {}, make("img", { src: one, alt: name }), make("figcaption", {}, link));
  if (sounds.test(url.pathname)) return make("figure", {}, make("audio", { src: one, controls: true }), make("figcaption", {}, link));
  if (films.test(url.pathname)) return make("figure", {}, make("video", { src: one, controls: true }), make("figcaption", {}, link));
  return make("p", {}, link);
}

function json(one) {
  return make("pre", { className: "json", textContent: JSON.stringify(one, null, 2) });
}
