// Numbers and times as people read them.

export function span(ms) {
  if (!Number.isFinite(ms)) return "";
  if (ms < 0) return "0 ms";
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.max(60, Math.floor(ms / 1000));
  for (const [limit, unit, word, part, small] of [[3600, 60, "min", 1, "s"], [172_800, 3600, "h", 60, "min"]]) {
    const rest = Math.floor((seconds % unit) / part);
    if (seconds < limit) return `${Math.floor(seconds / unit)} ${word}${rest ? ` ${rest} ${small}` : ""}`;
  }
  return `${Math.floor(seconds / 86_400)} d`;
}

export function bytes(size) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  let number = size;
  while (number >= 1000 && at < units.length - 1) { number /= 1000; at += 1; }
  return `${at && number < 100 ? number.toFixed(1) : Math.round(number)} ${units[at]}`;
}

// Dollars, as a number or as the API tells them.
export function money(given) {
  const usd = Number(given);
  if (usd > 0 && usd < 1e-6) return "< $0.000001";
  return `$${usd >= 1 ? usd.toFixed(2) : Number(usd.toPrecision(2))}`;
}

export function ago(text, now = Date.now()) {
  const seconds = (now - Date.parse(text)) / 1000;
  if (seconds < 60) return "just now";
  for (const [limit, unit, word] of [[3600, 60, "min"], [86_400, 3600, "h"], [2_592_000, 86_400, "d"]]) {
    if (seconds < limit) return `${Math.floor(seconds / unit)} ${word} ago`;
  }
  return text.slice(0, 10);
}

// A moment for those who want to know it exactly, as the reader's clock shows it.
export const exact = (text) => new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });

export function ordinal(number) {
  const tens = number % 100;
  const ending = tens > 10 && tens < 14 ? "th" : { 1: "st", 2: "nd", 3: "rd" }[number % 10] ?? "th";
  return `${number}${ending}`;
}
