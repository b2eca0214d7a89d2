// Follow a prediction to its end: its text by its stream, everything else by asking.
import { ended, ours, prediction as look } from "./api.js";

// Calls changed(prediction) at each look, said(output so far) at each piece of text. Returns a way to stop.
export function follow(first, { text = false, changed, said = () => {}, lost = () => {} }) {
  let stopped = false;
  let timer = 0;
  let wait = 150;
  let source = null;
  let pieces = [];
  const address = text && ours(first.urls?.stream ?? "");

  async function ask() {
    clearTimeout(timer);
    try {
      const now = await look(first.id);
      if (stopped) return;
      // The stream can be ahead of what was asked for.
      if (pieces.length > (now.output?.length ?? 0) && !ended(now.status)) now.output = pieces.slice();
      changed(now);
      if (ended(now.status)) { stop(); return; }
    } catch (error) {
      if (stopped) return;
      if (error.status === 401 || error.status === 404) { stop(); lost(error); return; }
      lost(error);
    }
    timer = setTimeout(ask, document.hidden ? 3000 : wait);
    wait = Math.min(wait * 1.3, 1000);
  }

  if (address) {
    let drawn = false;
    source = new EventSource(address);
    source.addEventListener("output", (event) => {
      pieces.push(event.data);
      if (drawn) return;
      drawn = true;
      requestAnimationFrame(() => { drawn = false; if (!stopped) said(pieces.slice()); });
    });
    source.addEventListener("done", () => { source.close(); ask(); });
    source.addEventListener("error", (event) => { if (event.data) source.close(); });
  }

  function stop() {
    stopped = true;
    clearTimeout(timer);
    source?.close();
  }

  ask();
  return { stop, hurry: () => { wait = 150; ask(); } };
}
