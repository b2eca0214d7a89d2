// The Metrics tab: everybody's predictions of the model, and its instances.
import { census, figures } from "./figures.js";

const page = document.querySelector("[data-model]");
const now = page.querySelector("[data-census]");
figures(page.querySelector("[data-figures]"), `/models/${page.dataset.model}`, { boots: true, now: (found) => now.replaceChildren(...census(found)) });
