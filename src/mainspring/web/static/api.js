// The public HTTP API, called with the reader's session.

export class Fault extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The server answered ${status}.`);
    this.status = status;
    this.fields = problem.invalid_fields ?? [];
    this.errors = problem.errors ?? [];
  }
}

// Pages can be looked at for an organization, which their address names; the API is then asked about it.
export const acting = new URLSearchParams(location.search).get("account");
const whose = (path) => (acting && !/[?&]account=/.test(path) ? `${path}${path.includes("?") ? "&" : "?"}account=${encodeURIComponent(acting)}` : path);

export async function call(path, { method = "GET", body, headers = {} } = {}) {
  const json = body !== undefined && !(body instanceof FormData);
  let response;
  try {
    response = await fetch(`/v1${whose(path)}`, {
      method,
      headers: json ? { "Content-Type": "application/json", ...headers } : headers,
      body: json ? JSON.stringify(body) : body,
      cache: "no-store",
    });
  } catch {
    throw new Fault(0, { detail: "The server can't be reached." });
  }
  if (response.status === 204) return null;
  const text = await response.text();
  let reply = {};
  try { reply = JSON.parse(text); } catch { /* a proxy's page */ }
  if (!response.ok) throw new Fault(response.status, reply);
  return reply;
}

export const signIn = () => { location.href = `/login?next=${encodeURIComponent(location.pathname + location.search)}`; };
export const predict = (version, input) => call("/predictions", { method: "POST", body: { version, input } });
export const deploy = (deployment, input) => call(`/deployments/${deployment}/predictions`, { method: "POST", body: { input } });
export const prediction = (id) => call(`/predictions/${id}`);
export const cancel = (id) => call(`/predictions/${id}/cancel`, { method: "POST" });

export async function upload(file) {
  const form = new FormData();
  form.append("content", file, file.name || "file");
  return (await call("/files", { method: "POST", body: form })).urls.get;
}

// Models that have some of the words in their name, description or README, the best first.
export async function findModels(text) {
  const { models } = await call(`/search?limit=50&query=${encodeURIComponent(text)}`);
  return models.map(({ model }) => model);
}

export const ended = (status) => ["succeeded", "failed", "canceled", "aborted"].includes(status);

// A URL of this server, however it was reached; null for what lies elsewhere.
export function ours(text) {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  return url.host === location.host && /^https?:$/.test(url.protocol) ? url.pathname + url.search : null;
}
