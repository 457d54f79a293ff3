// Zoom: buttons, keys, Ctrl and the wheel, two fingers. What is looked at keeps its place on the screen.

import { announce, h, say } from "./dom.js";
import { number, spoken } from "./format.js";

const STEP = 2;
const WHEEL = 0.004;

/**
 * The buttons, and what else zooms.
 *
 * @param {object} wave with `zoom`, `zoomBy(factor, anchor_s)`, `view()`.
 * @param {HTMLElement} element that wheel and fingers act on.
 * @param {object} player whose position stays in view where it is.
 */
export function zooming({ wave, element, player }) {
  const level = h("span", { class: "figure muted small" });
  const button = (text, label, keys, act) =>
    h("button", {
      type: "button",
      class: "zoom",
      text,
      title: `${label} (${keys})`,
      "aria-label": text === label ? null : label,
      "aria-keyshortcuts": keys,
      on: { click: act },
    });
  const [closer, further] = [
    button("+", "Zoom in", "+", () => by(STEP)),
    button("−", "Zoom out", "-", () => by(1 / STEP)),
  ];
  const whole = button("Whole song", "Whole song", "0", () => by(0));

  function by(factor) {
    const { from_s, to_s } = wave.view();
    const here = player.position_s;
    wave.zoomBy(factor, here >= from_s && here <= to_s ? here : (from_s + to_s) / 2);
    const now = wave.view();
    announce(
      wave.zoom < 1.01 ? "Whole song in view" : `In view: ${spoken(now.from_s)} to ${spoken(now.to_s)}`,
    );
  }

  element.addEventListener("wheel", (event) => wheel(event, wave, element), { passive: false });
  pinching(element, wave);
  return {
    element: h(
      "div",
      { class: "zoom-bar", role: "group", "aria-label": "Zoom" },
      h("span", { class: "muted small", text: "Zoom" }),
      level,
      further,
      closer,
      whole,
    ),
    keys: { "+": () => by(STEP), "=": () => by(STEP), "-": () => by(1 / STEP), 0: () => by(0) },
    update() {
      say(level, `${number(wave.zoom, wave.zoom < 9.95 && wave.zoom > 1.01 ? 1 : 0)}×`);
      further.disabled = whole.disabled = wave.zoom < 1.01;
      closer.disabled = !wave.closer;
    },
  };
}

function wheel(event, wave, element) {
  if (!event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  wave.zoomBy(Math.exp(-event.deltaY * WHEEL), timeAt(event.clientX, wave, element));
}

function timeAt(clientX, wave, element) {
  const box = element.getBoundingClientRect();
  const { from_s, to_s } = wave.view();
  return from_s + ((clientX - box.left) / box.width) * (to_s - from_s);
}

/** Two fingers: their distance zooms about the point between them. */
function pinching(element, wave) {
  let apart = null;
  const measure = ([one, other]) => Math.max(20, Math.abs(one.clientX - other.clientX));
  element.addEventListener("touchstart", ({ touches }) => {
    apart = touches.length === 2 ? measure(touches) : null;
  });
  element.addEventListener(
    "touchmove",
    (event) => {
      if (apart === null || event.touches.length !== 2) return;
      event.preventDefault();
      const [one, other] = event.touches;
      const now = measure(event.touches);
      wave.zoomBy(now / apart, timeAt((one.clientX + other.clientX) / 2, wave, element));
      apart = now;
    },
    { passive: false },
  );
  element.addEventListener("touchend", () => (apart = null));
  // Meanwhile neither of them drags the loop or draws one: wavesurfer leaves alone what is taken already.
  element.addEventListener("pointermove", (event) => apart !== null && event.preventDefault(), true);
}
