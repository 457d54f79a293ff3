// Light, dark, or as the system has it.

import { recall, remember } from "./store.js";

const ORDER = ["system", "light", "dark"];

/** Applies the remembered theme and lets a button change it; "themechange" on the window tells canvases to repaint. */
export function startTheme(button) {
  let theme = ORDER.includes(recall("theme")) ? recall("theme") : "system";
  const apply = () => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    dispatchEvent(new Event("themechange"));
  };
  button.addEventListener("click", () => {
    theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
    remember("theme", theme);
    apply();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  apply();
}
