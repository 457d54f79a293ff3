// Four lanes over one time axis: waveform, spectrogram, loudness, gain reduction. Click to go there, drag to loop.

import { h, ink, surface } from "./dom.js";
import { clock, spoken } from "./format.js";
import { curveLane, reductionLane } from "./lanes.js";
import { spectrogramLane } from "./spectrogram.js";
import { Waveform } from "./waveform.js";
import { zooming } from "./zooming.js";

const AXIS_STEPS_S = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
const MARK_PX = 110;

/** The lanes of a desk; `show(name)` puts one source in front, `update()` follows the playhead, `keys` zoom. */
export function timeline({ material, player }) {
  const { sources, duration_s, job, song } = material;
  const time = { view: { from_s: 0, to_s: duration_s } };
  const spectrogram = spectrogramLane({ sources, duration_s, time });
  const loudness = curveLane({ sources, time });
  const reduction = reductionLane({ job, song, time });
  const axis = surface({ class: "axis", "aria-hidden": "true" }, (context, width) =>
    drawAxis(context, width, time.view),
  );
  const space = h("div", { class: "lane wave" });
  const touch = positionSlider(duration_s);
  const lane = (title, ...parts) =>
    h("div", { class: "lane-row" }, h("span", { class: "lane-name", text: title }), parts);
  const lanes = h(
    "div",
    { class: "lanes" },
    lane("", space),
    spectrogram.element,
    lane("Loudness, LUFS", loudness.element),
    reduction.element,
    axis,
    touch,
  );
  const painted = [spectrogram, loudness, reduction, axis];
  const wave = new Waveform({ element: touch, lane: space, material, player, onView: () => look() });
  const zoom = zooming({ wave, element: touch, player });
  const following = follower({ wave, player });
  let request = 0;
  let second = -1;

  /** Another window of time: all lanes are drawn anew with the next frame. */
  function look() {
    following.looked();
    cancelAnimationFrame(request);
    request = requestAnimationFrame(() => {
      time.view = wave.view();
      touch.classList.toggle("zoomed", wave.zoom > 1.01);
      touch.style.setProperty("--deep", `${axis.offsetTop - 2}px`);
      zoom.update();
      for (const one of painted) one.paint();
    });
  }

  new ResizeObserver(look).observe(lanes);
  const recolour = () => (wave.draw(), look());
  addEventListener("themechange", recolour);
  return {
    element: h("div", { class: "timeline" }, zoom.element, lanes),
    keys: zoom.keys,
    show(name) {
      wave.show(name);
      spectrogram.show(name);
      loudness.show(name);
    },
    update() {
      wave.update();
      following.update();
      const now_s = player.position_s;
      if (Math.floor(now_s) === second) return;
      second = Math.floor(now_s);
      touch.setAttribute("aria-valuenow", String(second));
      touch.setAttribute("aria-valuetext", `${spoken(now_s)} of ${spoken(duration_s)}`);
    },
    close() {
      removeEventListener("themechange", recolour);
      cancelAnimationFrame(request);
      wave.close();
      spectrogram.close();
    },
  };
}

function positionSlider(duration_s) {
  return h("div", {
    class: "touch",
    role: "slider",
    tabindex: "0",
    "aria-label": "Position in the song",
    "aria-valuemin": "0",
    "aria-valuemax": String(Math.round(duration_s)),
    "aria-valuenow": "0",
    "aria-valuetext": "start",
  });
}

/** Turns the page when the playhead leaves the window, until somebody looks elsewhere; playing or going somewhere
 * brings it back. */
function follower({ wave, player }) {
  let [follows, turning] = [true, false];
  const seen = () => {
    const { from_s, to_s } = wave.view();
    const here = player.position_s;
    return here >= from_s - 0.01 && here <= to_s + 0.01;
  };
  const turn = () => {
    const { from_s, to_s } = wave.view();
    turning = true;
    wave.scrollTo(player.position_s - 0.05 * (to_s - from_s));
    turning = false;
  };
  player.addEventListener("state", () => {
    follows = true;
    if (!seen()) turn();
  });
  return {
    looked: () => turning || (follows = seen()),
    update: () => follows && player.playing && !seen() && turn(),
  };
}

function drawAxis(context, width, { from_s, to_s }) {
  const most = Math.max(2, width / MARK_PX);
  const step = AXIS_STEPS_S.find((one) => (to_s - from_s) / one <= most) ?? 7200;
  context.font = "13px Barlow, sans-serif";
  for (let mark = Math.ceil(from_s / step - 1e-6); mark * step < to_s; mark++) {
    const x = ((mark * step - from_s) / (to_s - from_s)) * width;
    const text = clock(mark * step + 1e-6, { tenths: step < 1 });
    if (x + context.measureText(text).width + 6 > width) continue;
    context.fillStyle = ink("line");
    context.fillRect(Math.round(x), 0, 1, 18);
    context.fillStyle = ink("muted");
    context.fillText(text, x + 5, 14);
  }
}
