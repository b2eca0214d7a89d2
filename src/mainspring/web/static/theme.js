// Before the first paint: the theme that the reader chose, if any.
try {
  const theme = localStorage.getItem("mainspring.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* a browser that keeps nothing follows its system */ }
