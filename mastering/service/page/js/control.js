// What can be set: a number as a slider and a field with its unit and the way back, a choice, a switch.

import { h } from "./dom.js";
import { number } from "./format.js";

const EVEN_STEPS = 500;

/** A control over one key of a History; `even` gives each octave the same length of the slider. */
export function control(
  { key, id: name = key, group, title, about, unit, low, high, step, decimals, initial, signed, even },
  history,
) {
  const id = `control-${name.replaceAll("_", "-")}`;
  const big = group === "amount";
  const share = (value) =>
    even ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  const place = (value) => (even ? Math.round(share(value) * EVEN_STEPS) : value);
  const valueAt = (at) => (even ? low * (high / low) ** (at / EVEN_STEPS) : at);
  const set = (value, tag) =>
    history.set({ [key]: Math.min(high, Math.max(low, Number(Number(value).toFixed(decimals)))) }, tag);
  const slider = h("input", {
    type: "range",
    id,
    min: String(even ? 0 : low),
    max: String(even ? EVEN_STEPS : high),
    step: String(even ? 1 : step),
    "aria-describedby": about ? `${id}-about` : null,
    on: {
      input: (event) => set(valueAt(Number(event.target.value)), key),
      change: () => history.settle(),
      dblclick: () => set(initial),
    },
  });
  const field = h("input", {
    type: "text",
    inputmode: "decimal",
    class: "figure",
    size: "5",
    "aria-label": unit ? `${title} in ${unit}` : `${title}, value`,
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
    update({ [key]: shown });
  }

  let shown = history.value[key];

  function update(values) {
    const value = (shown = values[key]);
    slider.value = place(value);
    slider.setAttribute("aria-valuetext", `${number(value, decimals, { signed })} ${unit}`.trim());
    slider.style.setProperty("--share", String(share(value)));
    slider.style.setProperty("--from", String(share(Math.min(high, Math.max(low, initial)))));
    field.value = number(value, decimals, { signed });
    reset.disabled = value === initial;
  }

  const element = h(
    "div",
    { class: big ? "control big-control" : "control" },
    h("label", { for: id }, title, " ", about ? h("small", { id: `${id}-about`, text: about }) : null),
    reset,
    h("span", { class: "value" }, field, h("span", { class: "unit", text: unit })),
    slider,
  );
  update(history.value);
  return { element, update };
}

/** A choice of a few words: `choices()` gives [value, words] each. */
export function choice({ id, title, choices, value, set }) {
  const select = h("select", { id: `control-${id}`, on: { change: () => set(select.value) } });
  const update = () => {
    const wanted = choices();
    if (select.options.length !== wanted.length)
      select.replaceChildren(...wanted.map(([one, text]) => h("option", { value: one, text })));
    select.value = value();
  };
  update();
  return {
    element: h("div", { class: "choice-row" }, h("label", { for: `control-${id}`, text: title }), select),
    update,
  };
}

/** A switch. */
export function toggle({ text, label, value, set }) {
  const button = h("button", {
    type: "button",
    class: "toggle",
    "aria-label": label,
    text,
    on: { click: () => set(!value()) },
  });
  const update = () => button.setAttribute("aria-pressed", String(Boolean(value())));
  update();
  return { element: button, update };
}
