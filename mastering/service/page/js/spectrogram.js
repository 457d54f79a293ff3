// The spectrogram lane: computed beside the page by a worker, drawn where it is wanted.

import { BASE, TOKEN } from "./api.js";
import { h, ink, rgb, surface } from "./dom.js";
import { label } from "./lanes.js";
import { recall, remember } from "./store.js";

const COLUMNS_PER_S = 43; // half a window of the transform; finer would show nothing new
const [FEWEST_COLUMNS, MOST_COLUMNS] = [900, 8192];
const ROWS = 96;
const LONG_S = 15 * 60;

/** A lane over `time.view` that opens and closes. It has to read the whole file, so it is off at first for very long
 * music, and for who follows a link and may be far away. */
export function spectrogramLane({ sources, duration_s, time }) {
  const images = new Map();
  const columns = Math.min(MOST_COLUMNS, Math.max(FEWEST_COLUMNS, Math.ceil(duration_s * COLUMNS_PER_S)));
  let failed = false;
  let [shown, open, worker] = ["master", recall("spectrogram", !TOKEN && duration_s < LONG_S), null];
  const canvas = surface(
    { class: "lane spectrogram", role: "img", "aria-label": "Spectrogram, 30 Hz to 20 kHz" },
    (context, width, height) => {
      const image = images.get(shown);
      if (!image) return void wait(context, height, failed);
      context.imageSmoothingEnabled = true;
      const { from_s, to_s } = time.view;
      const [from, wide] = [(from_s / duration_s) * columns, ((to_s - from_s) / duration_s) * columns];
      context.drawImage(image.canvas, from, 0, wide, ROWS, 0, 0, width, height);
      marks(context, height, image.top_hz);
    },
  );
  const button = h("button", {
    type: "button",
    class: "lane-name lane-toggle",
    on: { click: () => set(!open) },
  });
  const element = h("div", { class: "lane-row" }, button, canvas);

  function set(to) {
    open = to;
    remember("spectrogram", to);
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? "Spectrogram – hide" : "Spectrogram – show";
    canvas.hidden = !open;
    compute();
  }

  function compute() {
    failed = false;
    canvas.paint();
    if (!open || images.has(shown)) return;
    worker?.terminate();
    worker = new Worker(new URL("./spectrogram-worker.js", import.meta.url), { type: "module" });
    const wanted = shown;
    worker.onmessage = ({ data }) => {
      failed = !data.levels;
      if (!failed)
        images.set(wanted, { canvas: paint(data.levels, columns), levels: data.levels, top_hz: data.top_hz });
      canvas.paint();
    };
    const { listen } = sources.find((one) => one.name === wanted);
    worker.postMessage({ url: BASE + listen, columns, rows: ROWS, duration_s });
  }

  const repaint = () => {
    for (const image of images.values()) image.canvas = paint(image.levels, columns);
    canvas.paint();
  };
  addEventListener("themechange", repaint);
  set(open);
  return {
    element,
    paint: canvas.paint,
    show: (name) => ((shown = name), compute()),
    close: () => (worker?.terminate(), removeEventListener("themechange", repaint)),
  };
}

function wait(context, height, failed) {
  context.font = "13px Barlow, sans-serif";
  context.fillStyle = ink("muted");
  context.fillText(failed ? "The music could not be read." : "Reading the music …", 6, height / 2 + 4);
}

function marks(context, height, top_hz) {
  for (const [hz, text] of [
    [100, "100"],
    [1000, "1k"],
    [10000, "10k"],
  ]) {
    const y = height - (Math.log(hz / 30) / Math.log(top_hz / 30)) * height;
    label(context, text, 6, y + 4);
  }
}

/** Levels 0..255 as a picture in the colours of the theme: from paper over the master's blue to ink. */
function paint(levels, columns) {
  const canvas = h("canvas", { width: String(columns), height: String(ROWS) });
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, ROWS);
  const stops = ["lane", "heat-1", "heat-2", "heat-3"].map((name) => rgb(ink(name)));
  for (let at = 0; at < levels.length; at++) {
    const place = (levels[at] / 255) * (stops.length - 1);
    const [from, share] = [
      Math.min(stops.length - 2, Math.floor(place)),
      place - Math.min(stops.length - 2, Math.floor(place)),
    ];
    for (let part = 0; part < 3; part++)
      image.data[4 * at + part] = stops[from][part] * (1 - share) + stops[from + 1][part] * share;
    image.data[4 * at + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
