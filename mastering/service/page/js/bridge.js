// The meter bridge: true peak, momentary and short-term loudness, correlation, and the stereo scope.

import { h, ink, say, surface } from "./dom.js";
import { number } from "./format.js";

const EVERY_MS = 100;

/** The bridge over live meters; `offset_db()` is added so that matched playback still shows the file's own level. */
export function meterBridge({ meters, player, offset_db }) {
  const bars = [
    bar("Momentary", "LUFS", -36, 0),
    bar("Short-term", "LUFS", -36, 0),
    bar("True peak", "dBTP", -24, 1),
  ];
  const [momentary, shortTerm, peak] = bars;
  const balance = h("span", { class: "needle" });
  const correlation = h("span", { class: "figure", text: "–" });
  const scope = scopeView();
  let last = 0;

  player.addEventListener("state", () => player.playing || settle());
  player.addEventListener("select", () => meters.reset());

  function settle() {
    meters.reset();
    for (const one of bars) one.set(-Infinity);
    scope.clear();
    say(correlation, "–");
  }

  function update() {
    if (!player.playing) return;
    const now = meters.read();
    scope.draw(now.left, now.right);
    if (performance.now() - last < EVERY_MS) return;
    last = performance.now();
    const offset = offset_db();
    momentary.set(now.momentary_lufs + offset);
    shortTerm.set(now.short_term_lufs + offset);
    peak.set(now.peak_dbtp + offset, now.held_dbtp + offset);
    balance.style.setProperty("--at", String((now.correlation + 1) / 2));
    say(correlation, number(now.correlation, 2, { signed: true }));
  }

  const element = h(
    "figure",
    { class: "view bridge" },
    h(
      "figcaption",
      {},
      h("b", { text: "Meters" }),
      h("span", { class: "muted small", text: "what sounds now, at its own level" }),
    ),
    h(
      "div",
      { class: "bridge-in" },
      scope.element,
      h(
        "div",
        { class: "bars" },
        bars.map((one) => one.element),
        h(
          "div",
          { class: "bar" },
          h("span", { class: "bar-name", text: "Correlation" }),
          h("span", { class: "rail two-way" }, balance),
          h("span", { class: "bar-value" }, correlation),
        ),
      ),
    ),
  );
  return { element, update };
}

function bar(name, unit, low, high) {
  const fill = h("span", { class: "fill" });
  const hold = h("span", { class: "hold", hidden: true });
  const value = h("span", { class: "figure" }, "–");
  const share = (level) => Math.min(1, Math.max(0, (level - low) / (high - low)));
  return {
    element: h(
      "div",
      { class: "bar" },
      h("span", { class: "bar-name", text: name }),
      h("span", { class: "rail" }, fill, hold),
      h("span", { class: "bar-value" }, value, h("small", { text: ` ${unit}` })),
    ),
    set(level, held = null) {
      fill.style.setProperty("--share", String(share(level)));
      hold.hidden = held === null || !Number.isFinite(held);
      if (!hold.hidden) hold.style.setProperty("--at", String(share(held)));
      say(value, number(held ?? level));
    },
  };
}

/** A goniometer: mono stands upright, the sides lean left and right. */
function scopeView() {
  let [samples, loudest] = [null, 0.1];
  const canvas = surface(
    { class: "scope", role: "img", "aria-label": "Stereo scope" },
    (context, width, height) => {
      const [x0, y0, size] = [width / 2, height / 2, Math.min(width, height) / 2 - 2];
      context.strokeStyle = ink("grid");
      context.lineWidth = 1;
      for (const angle of [0, Math.PI / 4, Math.PI / 2, (3 * Math.PI) / 4]) {
        context.beginPath();
        context.moveTo(x0 - size * Math.cos(angle), y0 - size * Math.sin(angle));
        context.lineTo(x0 + size * Math.cos(angle), y0 + size * Math.sin(angle));
        context.stroke();
      }
      if (!samples) return;
      context.fillStyle = ink("after");
      context.globalAlpha = 0.55;
      const [left, right] = samples;
      loudest = Math.max(0.02, loudest * 0.98, ...left.map(Math.abs), ...right.map(Math.abs));
      const zoom = (0.7 * size) / loudest;
      const step = Math.max(1, Math.floor(left.length / 1200));
      for (let at = 0; at < left.length; at += step)
        context.fillRect(
          x0 + ((right[at] - left[at]) / Math.SQRT2) * zoom,
          y0 - ((left[at] + right[at]) / Math.SQRT2) * zoom,
          1.4,
          1.4,
        );
      context.globalAlpha = 1;
    },
  );
  return {
    element: canvas,
    draw: (left, right) => ((samples = [left, right]), canvas.paint()),
    clear: () => ((samples = null), canvas.paint()),
  };
}
