// Covers that can't be loaded give way to the drawn ones beneath.
for (const img of document.querySelectorAll("[data-cover]")) {
  img.addEventListener("error", () => img.remove());
  if (img.complete && !img.naturalWidth) img.remove();
}
