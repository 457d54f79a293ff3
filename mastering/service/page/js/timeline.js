// Four lanes over one time axis: waveform, spectrogram, loudness, gain reduction. Click to go there, drag to loop.

import { get } from "./api.js";
import { announce, h, ink, surface } from "./dom.js";
import { clock, spoken } from "./format.js";
import { curveLane, reductionLane } from "./lanes.js";
import { spectrogramLane } from "./spectrogram.js";

const DRAG_PX = 5;

/** The lanes of a desk; `show(name)` puts one source in front, `update()` moves the playhead. */
export function timeline({ material, player }) {
  const { sources, duration_s, job, song } = material;
  const state = { shown: "master", peaks: {}, position: 0 };
  const wave = surface({ class: "lane wave", "aria-hidden": "true" }, (context, width, height) =>
    drawWave(context, width, height, state, player, duration_s),
  );
  const spectrogram = spectrogramLane({ sources, duration_s });
  const loudness = curveLane({ sources, duration_s });
  const reduction = reductionLane({ job, song, duration_s });
  const head = h("div", { class: "playhead", "aria-hidden": "true" });
  const region = h("div", { class: "region", hidden: true, "aria-hidden": "true" });
  const touch = h("div", {
    class: "touch",
    role: "slider",
    tabindex: "0",
    "aria-label": "Position in the song",
    "aria-valuemin": "0",
    "aria-valuemax": String(Math.round(duration_s)),
    "aria-valuenow": "0",
    "aria-valuetext": "start",
  });
  const lane = (title, ...parts) =>
    h("div", { class: "lane-row" }, h("span", { class: "lane-name", text: title }), parts);
  const element = h(
    "div",
    { class: "timeline" },
    lane("", wave),
    spectrogram.element,
    lane("Loudness, LUFS", loudness.element),
    reduction.element,
    axis(duration_s),
    region,
    head,
    touch,
  );

  pointing(touch, { duration_s, player, region });
  player.addEventListener("loop", () => place(region, player.loop, duration_s));
  const repaint = () => [wave, loudness.element].forEach((one) => one.paint());
  addEventListener("themechange", repaint);
  for (const one of sources)
    get(one.peaks(1200))
      .then((found) => ((state.peaks[one.name] = found.channels), wave.paint()))
      .catch(() => {});

  let second = -1;
  return {
    element,
    show(name) {
      state.shown = name;
      wave.paint();
      spectrogram.show(name);
      loudness.show(name);
    },
    update() {
      const now_s = player.position_s;
      head.style.setProperty("--at", String(now_s / duration_s));
      if (Math.abs(now_s - state.position) * wave.clientWidth >= duration_s * 0.5) {
        state.position = now_s;
        wave.paint();
      }
      if (Math.floor(now_s) === second) return;
      second = Math.floor(now_s);
      touch.setAttribute("aria-valuenow", String(second));
      touch.setAttribute("aria-valuetext", `${spoken(now_s)} of ${spoken(duration_s)}`);
    },
    close: () => (
      removeEventListener("themechange", repaint),
      spectrogram.close(),
      loudness.close(),
      reduction.close()
    ),
  };
}

function axis(duration_s) {
  const step = [5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600].find((one) => duration_s / one <= 9) ?? 7200;
  const marks = Array.from({ length: Math.ceil(duration_s / step) }, (_, index) => index * step);
  return h(
    "div",
    { class: "axis", "aria-hidden": "true" },
    marks
      .filter((at) => at < duration_s * 0.95)
      .map((at) =>
        h("span", { class: "figure", vars: { "--at": String(at / duration_s) }, text: clock(at) }),
      ),
  );
}

function drawWave(context, width, height, { shown, peaks, position }, player, duration_s) {
  const channels = peaks[shown];
  if (!channels) return;
  const name = { original: "before", master: "after", reference: "reference" }[shown];
  const colour = ink(name);
  const room = height / channels.length;
  const played = (position / duration_s) * width;
  channels.forEach((values, channel) => {
    const middle = room * (channel + 0.5);
    for (let x = 0; x < width; x++) {
      const [low, high] = range(values, x / width, (x + 1) / width);
      context.fillStyle = colour;
      context.globalAlpha = x < played ? 1 : 0.55;
      const [top, bottom] = [middle - high * room * 0.48, middle - low * room * 0.48];
      context.fillRect(x, top, 1, Math.max(1, bottom - top));
    }
  });
  context.globalAlpha = 1;
}

/** Lowest and highest of the points of a stretch, the ends given as shares of the whole. */
function range(values, from, to) {
  const points = values.length / 2;
  const [first, last] = [
    Math.floor(from * points),
    Math.max(Math.floor(from * points) + 1, Math.ceil(to * points)),
  ];
  let [low, high] = [1, -1];
  for (let at = first; at < Math.min(last, points); at++) {
    low = Math.min(low, values[2 * at]);
    high = Math.max(high, values[2 * at + 1]);
  }
  return low > high ? [0, 0] : [low, high];
}

function place(region, loop, duration_s) {
  region.hidden = !loop;
  if (!loop) return;
  region.style.setProperty("--from", String(loop.from_s / duration_s));
  region.style.setProperty("--to", String(loop.to_s / duration_s));
}

function pointing(touch, { duration_s, player, region }) {
  let start = null;
  const at = (event) => {
    const box = touch.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * duration_s;
  };
  const span = (event) => ({
    from_s: Math.min(start.at_s, at(event)),
    to_s: Math.max(start.at_s, at(event)),
  });
  const dragged = (event) => start && Math.abs(event.clientX - start.x) > DRAG_PX;
  touch.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    start = { x: event.clientX, at_s: at(event) };
    touch.setPointerCapture(event.pointerId);
  });
  touch.addEventListener("pointermove", (event) => dragged(event) && place(region, span(event), duration_s));
  touch.addEventListener("pointerup", (event) => {
    if (!start) return;
    if (dragged(event)) {
      player.setLoop(span(event));
      announce(`Loop from ${spoken(player.loop?.from_s ?? 0)} to ${spoken(player.loop?.to_s ?? 0)}`);
    } else player.seek(start.at_s);
    start = null;
  });
  touch.addEventListener("pointercancel", () => {
    start = null;
    place(region, player.loop, duration_s);
  });
}
