// A small part of Markdown, for text that models write: blocks and inlines become elements, never HTML.
// Pictures are not loaded: their address would tell another host what was asked.
import { make } from "./dom.js";

const INLINE = /(`+)([\s\S]*?[^`])\1(?!`)|\*\*([^\s*](?:[\s\S]*?[^\s*])?)\*\*|__([^\s_](?:[\s\S]*?[^\s_])?)__(?!\w)|\*([^\s*](?:[^*]*[^\s*])?)\*|(?<!\w)_([^\s_](?:[^_]*[^\s_])?)_(?!\w)|~~([^~]+)~~|!?\[([^\]]*)\]\((\S+?)(?:\s+"[^"]*")?\)|(https?:\/\/[^\s<>"')\]]+)/;

export function inline(text) {
  const found = [];
  let rest = text;
  for (let match = INLINE.exec(rest); match; match = INLINE.exec(rest)) {
    const [whole, , coded, bold, bolder, leaning, leaned, struck, words, target, bare] = match;
    found.push(rest.slice(0, match.index));
    if (coded !== undefined) found.push(make("code", {}, coded.trim()));
    else if (bold ?? bolder) found.push(make("strong", {}, ...inline(bold ?? bolder)));
    else if (leaning ?? leaned) found.push(make("em", {}, ...inline(leaning ?? leaned)));
    else if (struck) found.push(make("s", {}, ...inline(struck)));
    else if (bare) found.push(link(bare, bare));
    else found.push(link(target, words || target));
    rest = rest.slice(match.index + whole.length);
  }
  found.push(rest);
  return found.filter((one) => one !== "");
}

function link(target, words) {
  const safe = /^(https?:\/\/|mailto:)/i.test(target) && URL.canParse(target);
  return safe ? make("a", { href: target, target: "_blank", rel: "noopener noreferrer nofollow" }, words) : words;
}

const FENCE = /^\s{0,3}(`{3,}|~{3,})\s*([\w+-]*)/;
const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;

// The blocks of the text. Unfinished ones (a fence without an end) are shown as far as they go.
export function markdown(text) {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const blocks = [];
  while (lines.length) blocks.push(block(lines));
  return blocks.filter(Boolean);
}

function block(lines) {
  const line = lines[0];
  const fence = FENCE.exec(line);
  const heading = /^\s{0,3}(#{1,6})\s+(.*?)\s*#*$/.exec(line);
  if (!line.trim()) { lines.shift(); return null; }
  if (fence) return fenced(lines, fence[1]);
  if (heading) { lines.shift(); return make(`h${Math.min(heading[1].length + 2, 6)}`, {}, ...inline(heading[2])); }
  if (/^\s{0,3}([-*_])(\s*\1){2,}\s*$/.test(line)) { lines.shift(); return make("hr"); }
  if (/^\s{0,3}>/.test(line)) return make("blockquote", {}, ...markdown(take(lines, (one) => /^\s{0,3}>/.test(one)).map((one) => one.replace(/^\s{0,3}>\s?/, "")).join("\n")));
  if (ITEM.test(line)) return listed(lines);
  if (line.includes("|") && /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/.test(lines[1] ?? "")) return table(lines);
  const words = take(lines, (one, at) => one.trim() && (at === 0 || !(FENCE.test(one) || ITEM.test(one) || /^\s{0,3}(#{1,6}\s|>)/.test(one))));
  return make("p", {}, ...words.flatMap((one, at) => (at ? [make("br"), ...inline(one)] : inline(one))));
}

function take(lines, wanted) {
  const found = [];
  while (lines.length && wanted(lines[0], found.length)) found.push(lines.shift());
  return found;
}

function fenced(lines, mark) {
  lines.shift();
  const body = take(lines, (one) => !one.trim().startsWith(mark));
  lines.shift();
  return make("pre", { tabIndex: 0 }, make("code", {}, body.join("\n")));
}

function listed(lines) {
  const [, depth, first] = ITEM.exec(lines[0]);
  const list = make(first ? "ol" : "ul", first && first !== "1" ? { start: Number(first) } : {});
  while (lines.length) {
    const item = ITEM.exec(lines[0]);
    if (!item || item[1].length < depth.length || Boolean(item[2]) !== Boolean(first)) break;
    lines.shift();
    const below = take(lines, (one) => /^\s{2,}\S/.test(one) && (ITEM.exec(one)?.[1].length ?? 9) > depth.length);
    list.append(make("li", {}, ...inline(item[3]), ...(below.length ? markdown(below.map((one) => one.replace(/^\s{1,4}/, "")).join("\n")) : [])));
    if (lines.length > 1 && !lines[0].trim() && ITEM.test(lines[1])) lines.shift();
  }
  return list;
}

function table(lines) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((one) => one.trim());
  const head = cells(lines.shift());
  lines.shift();
  const rows = take(lines, (one) => one.includes("|")).map(cells);
  const row = (tag, found) => make("tr", {}, ...found.map((one) => make(tag, {}, ...inline(one))));
  return make("table", {}, make("thead", {}, row("th", head)), make("tbody", {}, ...rows.map((one) => row("td", one))));
}
