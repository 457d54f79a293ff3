// Long-term spectra laid over each other at matched loudness, so that what differs is tone and not level.

import { h, ink, surface } from "./dom.js";
import { number, rate } from "./format.js";
import { INKS } from "./lanes.js";

const [LOW_HZ, HIGH_HZ] = [25, 20000];
const SPAN_DB = 54;

/** The spectra of all sources as a figure. */
export function spectrumView(sources) {
  const curves = sources.filter((one) => one.analysis?.spectrum?.mid_db?.length).map(curve);
  const top =
    Math.max(...curves.flatMap(({ points }) => points.map(([, db]) => db)).filter(Number.isFinite)) + 4;
  const canvas = surface(
    { class: "plot", role: "img", "aria-label": words(curves) },
    (context, width, height) => {
      const x = (hz) => (Math.log(hz / LOW_HZ) / Math.log(HIGH_HZ / LOW_HZ)) * width;
      const y = (db) => ((top - db) / SPAN_DB) * height;
      grid(context, { x, y, width, height, top });
      for (const one of curves) trace(context, one, x, y);
    },
  );
  const repaint = () => canvas.paint();
  addEventListener("themechange", repaint);
  const legend = curves.map(({ name, title }) =>
    h("span", { class: "legend", "data-source": name, text: title }),
  );
  return {
    element: h(
      "figure",
      { class: "view", hidden: !curves.length },
      h("figcaption", {}, h("b", { text: "Spectrum" }), legend),
      canvas,
    ),
    close: () => removeEventListener("themechange", repaint),
  };
}

function curve({ name, title, analysis }) {
  const { frequencies_hz, mid_db } = analysis.spectrum;
  const shift = Number.isFinite(analysis.integrated_lufs) ? analysis.integrated_lufs : 0;
  const points = frequencies_hz.map((hz, index) => [
    hz,
    mid_db[index] === null ? -Infinity : mid_db[index] - shift,
  ]);
  return { name, title, points: points.filter(([hz]) => hz >= LOW_HZ * 0.8 && hz <= HIGH_HZ * 1.05) };
}

function grid(context, { x, y, width, height, top }) {
  context.font = "500 11px Barlow, sans-serif";
  context.textAlign = "center";
  for (const hz of [50, 100, 200, 500, 1000, 2000, 5000, 10000]) {
    context.fillStyle = ink("grid");
    context.fillRect(Math.round(x(hz)), 0, 1, height - 16);
    context.fillStyle = ink("muted");
    context.fillText(hz >= 1000 ? `${hz / 1000}k` : String(hz), x(hz), height - 3);
  }
  context.fillStyle = ink("grid");
  for (let db = Math.floor(top / 12) * 12; db > top - SPAN_DB; db -= 12)
    context.fillRect(0, Math.round(y(db)), width, 1);
  context.fillStyle = ink("muted");
  context.textAlign = "left";
  context.fillText("12 dB a line", 6, 14);
}

function trace(context, { name, points }, x, y) {
  context.beginPath();
  context.strokeStyle = ink(INKS[name]);
  context.lineWidth = name === "master" ? 2.25 : 1.5;
  context.lineJoin = "round";
  points
    .filter(([, db]) => Number.isFinite(db))
    .forEach(([hz, db], index) => context[index ? "lineTo" : "moveTo"](x(hz), y(db)));
  context.stroke();
}

/** What the master changed most, in words. */
function words(curves) {
  const [before, after] = ["original", "master"].map(
    (name) => curves.find((one) => one.name === name)?.points,
  );
  if (!before || !after) return "Spectrum";
  const changes = after
    .map(([hz, db], index) => [hz, db - (before[index]?.[1] ?? db)])
    .filter(([hz, db]) => Number.isFinite(db) && hz < 16000);
  const most = (order) => changes.toSorted(order)[0];
  const [up, down] = [most((a, b) => b[1] - a[1]), most((a, b) => a[1] - b[1])];
  const told = ([hz, db]) => `${number(db, 1, { signed: true })} dB at ${rate(hz)}`;
  return `Spectrum at matched loudness. Master against original: most added ${told(up)}, most taken ${told(down)}.`;
}
