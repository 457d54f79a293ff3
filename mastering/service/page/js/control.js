// One adjustable number: a slider, the same as a field to type in, its unit, and the way back.

import { h } from "./dom.js";
import { number } from "./format.js";

/** A control over one key of a History. */
export function control(
  { key, group, title, about, unit, low, high, step, decimals, initial, signed },
  history,
) {
  const id = `control-${key.replaceAll("_", "-")}`;
  const big = group === "amount";
  const set = (value, tag) =>
    history.set({ [key]: Math.min(high, Math.max(low, Number(Number(value).toFixed(decimals)))) }, tag);
  const slider = h("input", {
    type: "range",
    id,
    min: String(low),
    max: String(high),
    step: String(step),
    "aria-describedby": `${id}-about`,
    on: {
      input: (event) => set(event.target.value, key),
      change: () => history.settle(),
      dblclick: () => set(initial),
    },
  });
  const field = h("input", {
    type: "text",
    inputmode: "decimal",
    class: "figure",
    size: "5",
    "aria-label": `${title} in ${unit}`,
    on: {
      change: (event) => typed(event.target),
      focus: (event) => event.target.select(),
      keydown: (event) => event.key === "Enter" && typed(event.target),
    },
  });
  const reset = h("button", {
    type: "button",
    class: "quiet icon reset",
    "aria-label": `Reset ${title}`,
    title: "Reset",
    text: "↺",
    on: { click: () => (set(initial), slider.focus()) },
  });

  function typed(input) {
    const value = Number(
      input.value
        .replace(",", ".")
        .replace("\u2212", "-")
        .replace(/[^0-9.+-]/g, ""),
    );
    if (input.value.trim() && Number.isFinite(value)) set(value);
    update(history.value);
  }

  function update(values) {
    const value = values[key];
    slider.value = value;
    slider.setAttribute("aria-valuetext", `${number(value, decimals, { signed })} ${unit}`);
    slider.style.setProperty("--share", String((value - low) / (high - low)));
    slider.style.setProperty("--from", String((Math.min(high, Math.max(low, initial)) - low) / (high - low)));
    field.value = number(value, decimals, { signed });
    reset.disabled = value === initial;
  }

  const element = h(
    "div",
    { class: big ? "control big-control" : "control" },
    h("label", { for: id }, title, h("small", { id: `${id}-about`, text: about })),
    reset,
    h("span", { class: "value" }, field, h("span", { class: "unit", text: unit })),
    slider,
  );
  update(history.value);
  return { element, update };
}
