// The same covers as covers.py draws, for models that come by a search.
const SVG = "http://www.w3.org/2000/svg";

function fnv(text) {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}

export function cover(name) {
  let seed = BigInt(fnv(name));
  const pick = (least, most) => {
    seed = (seed * 1103515245n + 12345n) & 0x7fffffffn;
    return least + (Number(seed) >> 8) % (most - least + 1);
  };
  const [tone, x, y] = [pick(0, 5), pick(90, 230), pick(40, 120)];
  const svg = document.createElementNS(SVG, "svg");
  const set = (element, given) => { for (const [key, value] of Object.entries(given)) element.setAttribute(key, value); };
  set(svg, { class: `cover tone-${tone}`, viewBox: "0 0 320 160", preserveAspectRatio: "xMidYMid slice", fill: "none", stroke: "currentColor", "aria-hidden": "true" });
  for (let ring = 0; ring < 2; ring += 1) {
    const [count, wide, flat, turn] = [pick(7, 12), pick(60, 150), pick(18, 60), pick(0, 30)];
    for (let n = 0; n < count; n += 1) {
      const ellipse = document.createElementNS(SVG, "ellipse");
      set(ellipse, { cx: x, cy: y, rx: wide, ry: flat, transform: `rotate(${turn + Math.floor((n * 180) / count)} ${x} ${y})` });
      svg.append(ellipse);
    }
  }
  return svg;
}
