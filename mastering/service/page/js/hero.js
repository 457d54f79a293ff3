// A waveform that is a mix on one side and its master on the other.

import { h } from "./dom.js";

const BARS = 72;
const STEP = 10;
const HEIGHT = 240;

/** For the first view: the mix on the left becomes its master on the right. */
export function heroWave() {
  return picture((place) => 1 / (1 + Math.exp(-(place - 0.5) * 22)));
}

/** For progress: `set(share)` of it is mastered, from the left. */
export function progressWave() {
  const element = picture(() => 0);
  const set = (share) =>
    [...element.children].forEach((bar, index) => shape(bar, index, index < share * BARS ? 1 : 0));
  return { element, set };
}

function picture(mastered) {
  const bars = Array.from({ length: BARS }, (_, index) =>
    shape(
      h("svg:rect", { x: String(index * STEP), width: "5", rx: "2.5" }),
      index,
      mastered(index / (BARS - 1)),
    ),
  );
  return h(
    "svg:svg",
    {
      class: "hero-wave",
      viewBox: `0 0 ${BARS * STEP - 5} ${HEIGHT}`,
      "aria-hidden": "true",
      focusable: "false",
    },
    bars,
  );
}

/** Gives a bar its height and colour; `mastered` from 0 to 1. */
function shape(bar, index, mastered) {
  const place = index / (BARS - 1);
  const rough = Math.abs(
    Math.sin(index * 1.7) * 0.5 + Math.sin(index * 0.61 + 1) * 0.35 + Math.sin(index * 2.93) * 0.3,
  );
  const ends = Math.min(1, (1.06 - place) * 9, (place + 0.06) * 9);
  const height = Math.max(
    4,
    0.92 * HEIGHT * ends * ((1 - mastered) * rough * 0.55 + mastered * (0.55 + 0.42 * rough)),
  );
  bar.setAttribute("y", String((HEIGHT - height) / 2));
  bar.setAttribute("height", String(height));
  bar.setAttribute("class", mastered < 0.5 ? "wave-before" : "wave-after");
  return bar;
}
