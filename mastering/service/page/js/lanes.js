// Lanes of curves over time: short-term loudness of every source, and what compressor and limiter took away.

import { get } from "./api.js";
import { h, ink, surface } from "./dom.js";
import { number } from "./format.js";

export const INKS = { original: "before", master: "after", reference: "reference" };

/** A number in a plot, with room around it so that what is drawn there does not cross it. */
export function label(context, text, x, y, align = "left") {
  Object.assign(context, { font: "500 11px Barlow, sans-serif", textAlign: align, lineJoin: "round" });
  Object.assign(context, { strokeStyle: ink("lane"), lineWidth: 4, fillStyle: ink("ink") });
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}

/** Where a second lies in a window of time that is `width` wide. */
const placing =
  ({ from_s, to_s }, width) =>
  (second) =>
    ((second - from_s) / (to_s - from_s)) * width;

/** Short-term loudness of all sources over `time.view`; the shown one in front. */
export function curveLane({ sources, time }) {
  let shown = "master";
  const curves = sources.filter((one) => one.analysis?.short_term?.lufs?.length);
  const all = curves
    .flatMap((one) => one.analysis.short_term.lufs)
    .filter((value) => Number.isFinite(value) && value > -60);
  const [low, high] = all.length
    ? [Math.floor(quantile(all, 0.02) / 6) * 6 - 6, Math.ceil(Math.max(...all) / 6) * 6]
    : [-36, 0];
  const element = surface(
    { class: "lane curve", role: "img", "aria-label": words(curves) },
    (context, width, height) => {
      const y = (lufs) => height - ((lufs - low) / (high - low)) * height;
      const lines = Array.from({ length: Math.max(0, (high - low) / 6 - 1) }, (_, at) => low + 6 * (at + 1));
      context.fillStyle = ink("grid");
      for (const lufs of lines) context.fillRect(0, Math.round(y(lufs)), width, 1);
      for (const one of [
        ...curves.filter(({ name }) => name !== shown),
        ...curves.filter(({ name }) => name === shown),
      ])
        trace(context, one, { x: placing(time.view, width), width, height, y, front: one.name === shown });
      for (const lufs of lines) label(context, number(lufs, 0), width - 6, y(lufs) - 3, "right");
    },
  );
  return { element, paint: element.paint, show: (name) => ((shown = name), element.paint()) };
}

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))];
}

function words(curves) {
  const each = curves.map(
    ({ title, analysis }) =>
      `${title} ${number(analysis.integrated_lufs)} LUFS over a range of ${number(analysis.loudness_range_lu)} LU`,
  );
  return `Loudness over time. ${each.join("; ")}.`;
}

function trace(context, { name, analysis }, { x, width, height, y, front }) {
  const { step_s, lufs, first_s = 3 } = analysis.short_term;
  const middle_s = first_s - 1.5; // of the three seconds that a value stands for
  context.beginPath();
  context.strokeStyle = ink(INKS[name]);
  context.lineWidth = front ? 2 : 1.25;
  context.globalAlpha = front ? 1 : 0.55;
  let open = false;
  lufs.forEach((value, index) => {
    const place = x(middle_s + index * step_s);
    const aside = x(middle_s + (index + 1) * step_s) < 0 || x(middle_s + (index - 1) * step_s) > width;
    if (aside || value === null || !Number.isFinite(value)) return void (open = false);
    const at = Math.min(height, Math.max(0, y(value)));
    if (open) context.lineTo(place, at);
    else context.moveTo(place, at);
    open = true;
  });
  context.stroke();
  context.globalAlpha = 1;
}

/** Gain reduction over `time.view`, from above: the limiter filled, the compressor as a line. Hidden where the
 * service has none. */
export function reductionLane({ job, song, time }) {
  let [found, deepest] = [null, -3];
  const canvas = surface(
    { class: "lane reduction", role: "img", "aria-label": "Gain reduction" },
    (context, width, height) => {
      if (!found) return;
      const y = (db) => (db / deepest) * (height - 4);
      const place = placing(time.view, width);
      const x = (index) => place(index * found.step_s);
      const first = Math.max(0, Math.floor(time.view.from_s / found.step_s) - 1);
      const last = Math.ceil(time.view.to_s / found.step_s) + 2;
      area(context, found.limiter_db.slice(first, last), { x, y, first }, ink("target"));
      if (found.compressor_db?.some((db) => db < -0.05))
        line(context, found.compressor_db.slice(first, last), { x, y, first }, ink("fifth"));
      label(context, number(deepest, 0), width - 6, height - 5, "right");
    },
  );
  const element = h(
    "div",
    { class: "lane-row", hidden: true },
    h(
      "span",
      { class: "lane-name" },
      "Gain reduction, dB: ",
      h("i", { class: "mark-limiter" }),
      "limiter ",
      h("i", { class: "mark-compressor" }),
      "compressor",
    ),
    canvas,
  );
  get(`/jobs/${job.id}/gain-reduction?song=${song.id}`)
    .then((answer) => {
      found = answer;
      const most = Math.min(0, ...answer.limiter_db);
      deepest = Math.min(-3, most, ...(answer.compressor_db ?? []));
      canvas.setAttribute(
        "aria-label",
        `Gain reduction over time. The limiter takes at most ${number(-most)} dB.`,
      );
      element.hidden = false;
      canvas.paint();
    })
    .catch(() => {});
  return { element, paint: canvas.paint };
}

function area(context, values, { x, y, first }, colour) {
  context.beginPath();
  context.moveTo(x(first), 0);
  values.forEach((db, index) => context.lineTo(x(first + index), y(db)));
  context.lineTo(x(first + values.length - 1), 0);
  context.fillStyle = colour;
  context.globalAlpha = 0.75;
  context.fill();
  context.globalAlpha = 1;
}

function line(context, values, { x, y, first }, colour) {
  context.beginPath();
  values.forEach((db, index) => context[index ? "lineTo" : "moveTo"](x(first + index), y(db)));
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.stroke();
}
