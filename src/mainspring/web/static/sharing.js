// A prediction's public link: made, shown, taken back.
import { call } from "./api.js";
import { dialogForm } from "./ask.js";
import { button, copier, make, toast } from "./dom.js";

export class Sharing {
  // changed() is called when it is shared or no longer.
  constructor(place, id, changed) {
    Object.assign(this, { place, changed, shared: false });
    this.path = `/predictions/${id}/share`;
    this.button = button("Share", () => this.#share());
  }

  // Whether it is shared. can: whether it may be.
  async look(can) {
    this.button.disabled = !can;
    try { this.#show(can ? (await call(this.path)).url : null); } catch (error) { toast(error.message); }
  }

  #show(url) {
    this.button.hidden = this.shared = Boolean(url);
    this.changed();
    const link = url && new URL(url).pathname;
    this.place.replaceChildren(...(url ? [make("div", { class: "banner share-line" }, make("span", {}, "Whoever has the link sees it:"), make("a", { href: link }, make("code", {}, location.origin + link)),
      copier(() => location.origin + link, "Copy the public link"), button("Stop sharing", () => this.#end(), { class: "button small" }))] : []));
  }

  async #share() {
    const made = await dialogForm({
      title: "Share this prediction?", text: "Whoever has the link sees its input, output and logs, without signing in, until you stop sharing. It keeps its data for as long.",
      action: "Make a link", submit: () => call(this.path, { method: "POST" }),
    });
    if (made) this.#show(made.url);
  }

  async #end() {
    try {
      await call(this.path, { method: "DELETE" });
      this.#show(null);
      toast("The link leads nowhere now.");
    } catch (error) { toast(error.message); }
  }
}
