// The shape of a sound above its player: what was heard is brass, a click goes there.
import { make } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const BARS = 160;
const HEIGHT = 48;
const MOST_BYTES = 20_000_000;
const known = new Map();

// The loudest sample of each of BARS stretches, 0 to 1; null for what is no file of this server, too long, or can't be read.
async function peaks(address) {
  if (!address.startsWith("/")) return null;
  const reply = await fetch(address);
  if (!reply.ok || Number(reply.headers.get("content-length")) > MOST_BYTES) { await reply.body?.cancel(); return null; }
  const read = await new OfflineAudioContext(1, 1, 22_050).decodeAudioData(await reply.arrayBuffer());
  const samples = read.getChannelData(0);
  const stretch = Math.max(1, Math.floor(samples.length / BARS));
  const loudest = (at) => {
    let most = 0;
    for (let n = at * stretch; n < Math.min((at + 1) * stretch, samples.length); n += 1) most = Math.max(most, Math.abs(samples[n]));
    return most;
  };
  const found = Array.from({ length: BARS }, (_, at) => loudest(at));
  const top = Math.max(...found, 0.01);
  return found.map((one) => one / top);
}

function shape(heights) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${BARS * 3} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  const bars = heights.map((one, at) => {
    const half = Math.max(1, (one * (HEIGHT - 4)) / 2);
    return `M${at * 3 + 1.5} ${HEIGHT / 2 - half}v${2 * half}`;
  }).join("");
  for (const name of ["all", "heard"]) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("class", name);
    path.setAttribute("d", bars);
    svg.append(path);
  }
  return svg;
}

export function waveform(player, address) {
  const box = make("div", { class: "waveform", "aria-hidden": "true", hidden: true });
  const follow = () => box.style.setProperty("--left", `${100 - (100 * player.currentTime) / (player.duration || 1)}%`);
  for (const name of ["timeupdate", "seeked", "loadedmetadata"]) player.addEventListener(name, follow);
  box.addEventListener("click", (event) => {
    const { left, width } = box.getBoundingClientRect();
    if (Number.isFinite(player.duration)) player.currentTime = (player.duration * (event.clientX - left)) / width;
  });
  if (!known.has(address)) known.set(address, peaks(address).catch(() => null));
  known.get(address).then((heights) => {
    if (!heights) return;
    box.append(shape(heights));
    box.hidden = false;
    follow();
  });
  return box;
}
