// The picture of the first view: a mix on the left, its master on the right.

import { h } from "./dom.js";

const BARS = 72;
const STEP = 10;

/** A waveform that becomes even and full from left to right. */
export function heroWave() {
  const bars = Array.from({ length: BARS }, (_, index) => {
    const place = index / (BARS - 1);
    const rough = Math.abs(Math.sin(index * 1.7) * 0.5 + Math.sin(index * 0.61 + 1) * 0.35 + Math.sin(index * 2.93) * 0.3);
    const mastered = 1 / (1 + Math.exp(-(place - 0.5) * 22));
    const height = 220 * ((1 - mastered) * rough * 0.55 + mastered * (0.55 + 0.42 * rough) * Math.min(1, (1.06 - place) * 9));
    return h("svg:rect", { x: String(index * STEP), y: String(120 - height / 2), width: "5", height: String(Math.max(4, height)), rx: "2.5", class: place < 0.5 ? "wave-before" : "wave-after" });
  });
  return h("svg:svg", { class: "hero-wave", viewBox: `0 0 ${BARS * STEP - 5} 240`, "aria-hidden": "true", focusable: "false" }, bars);
}
