// The spectrogram lane: levels from the server, as fine as they are needed, drawn where it is wanted.

import { request } from "./api.js";
import { h, ink, rgb, surface } from "./dom.js";
import { label } from "./lanes.js";
import { PIECE_S } from "./pieces.js";
import { recall, remember } from "./store.js";

const STEPS = [2048, 8192, 16384];

/** A lane over `time.view` that opens and closes. */
export function spectrogramLane({ sources, duration_s, time }) {
  let [shown, open] = ["master", recall("spectrogram", true)];
  const images = new Images(sources, (name) => name === shown && canvas.paint());
  const canvas = surface(
    { class: "lane spectrogram", role: "img", "aria-label": "Spectrogram, 30 Hz to 20 kHz" },
    (context, width, height) => {
      if (!open) return;
      const seen_s = time.view.to_s - time.view.from_s;
      images.want(shown, context.canvas.width * (duration_s / seen_s));
      const image = images.get(shown);
      if (!image) return void wait(context, height, images.failed);
      draw(context, image, { width, height, ...time.view, duration_s });
      marks(context, height, image);
    },
  );
  const button = h("button", {
    type: "button",
    class: "lane-name lane-toggle",
    on: { click: () => (set(!open), remember("spectrogram", open)) },
  });
  const element = h("div", { class: "lane-row" }, button, canvas);

  function set(to) {
    open = to;
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? "Spectrogram – hide" : "Spectrogram – show";
    canvas.hidden = !open;
    images.stop();
    canvas.paint();
  }

  const repaint = () => (images.recolour(), canvas.paint());
  addEventListener("themechange", repaint);
  set(open);
  return {
    element,
    paint: canvas.paint,
    show: (name) => ((shown = name), images.stop(), canvas.paint()),
    close: () => (images.stop(), removeEventListener("themechange", repaint)),
  };
}

/** The pictures of all sources of a desk, the finest that are there. */
class Images {
  /** @param {function(string): void} onMore told the name of a source whose picture came in, or cannot be had. */
  constructor(sources, onMore) {
    Object.assign(this, { sources, onMore, kept: new Map(), loading: null, failed: false });
  }

  get(name) {
    return this.kept.get(name) ?? null;
  }

  /** Asks for one of at least so many columns, if that is not there or on its way. */
  want(name, columns) {
    const step = STEPS.find((one) => one >= columns) ?? STEPS.at(-1);
    const { finest = 0 } = this.get(name) ?? {};
    if (this.failed || step <= Math.max(finest, this.loading?.step ?? 0)) return;
    this.stop();
    const ending = new AbortController();
    this.loading = { step, ending };
    const { path } = this.sources.find((one) => one.name === name);
    fetchLevels(path, step, ending.signal).then(
      (found) => ending.signal.aborted || this.take(name, found),
      () => ending.signal.aborted || this.take(name, null),
    );
  }

  take(name, found) {
    Object.assign(this, { loading: null, failed: !found });
    if (found) this.kept.set(name, { ...found, canvas: paint(found) });
    this.onMore(name);
  }

  /** Ends what is on its way, and lets what failed be asked for again. */
  stop() {
    this.loading?.ending.abort();
    Object.assign(this, { loading: null, failed: false });
  }

  recolour() {
    for (const image of this.kept.values()) image.canvas = paint(image);
  }
}

/** A source's levels in at most so many columns; `finest` is how many may be asked for without getting more. */
async function fetchLevels(path, step, signal) {
  const response = await request(`${path}/spectrogram?columns=${step}`, { signal });
  const told = (name) => Number(response.headers.get(`Tonmeister-${name}`));
  const columns = told("Columns");
  return {
    levels: new Uint8Array(await response.arrayBuffer()),
    columns,
    rows: told("Rows"),
    low_hz: told("Lowest-Hz"),
    high_hz: told("Highest-Hz"),
    duration_s: told("Duration-S"),
    finest: columns < step ? Infinity : step,
  };
}

/** Draws a window of time: of a file of another length as it is played there, cut or from its start again. */
function draw(context, image, { width, height, from_s, to_s, duration_s }) {
  const same = Math.abs(image.duration_s - duration_s) < 0.05;
  const round_s = same ? duration_s : Math.max(1, Math.floor(image.duration_s / PIECE_S)) * PIECE_S;
  const [perSecond, scale] = [image.columns / image.duration_s, width / (to_s - from_s)];
  for (let start_s = Math.floor(from_s / round_s) * round_s; start_s < to_s; start_s += round_s) {
    const first_s = Math.max(from_s, start_s);
    const last_s = Math.min(to_s, start_s + (same ? round_s : Math.min(round_s, image.duration_s)));
    if (last_s <= first_s) continue;
    const [at, wide] = [(first_s - start_s) * perSecond, (last_s - first_s) * perSecond];
    const to = [(first_s - from_s) * scale, 0, (last_s - first_s) * scale, height];
    context.drawImage(image.canvas, at, 0, wide, image.rows, ...to);
  }
}

function wait(context, height, failed) {
  context.font = "13px Barlow, sans-serif";
  context.fillStyle = ink("muted");
  context.fillText(failed ? "The music could not be read." : "Reading the music …", 6, height / 2 + 4);
}

function marks(context, height, { low_hz, high_hz }) {
  for (const [hz, text] of [
    [100, "100"],
    [1000, "1k"],
    [10000, "10k"],
  ]) {
    const y = height - (Math.log(hz / low_hz) / Math.log(high_hz / low_hz)) * height;
    label(context, text, 6, y + 4);
  }
}

/** Levels 0..255 as a picture in the colours of the theme: from paper over the master's blue to ink. */
function paint({ levels, columns, rows }) {
  const canvas = h("canvas", { width: String(columns), height: String(rows) });
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const colours = new Uint32Array(shades().buffer);
  const points = new Uint32Array(image.data.buffer);
  for (let at = 0; at < levels.length; at++) points[at] = colours[levels[at]];
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Red, green, blue and opacity of all 256 levels. */
function shades() {
  const stops = ["lane", "heat-1", "heat-2", "heat-3"].map((name) => rgb(ink(name)));
  const shades = new Uint8ClampedArray(4 * 256);
  for (let level = 0; level < 256; level++) {
    const place = (level / 255) * (stops.length - 1);
    const from = Math.min(stops.length - 2, Math.floor(place));
    const [one, other] = [stops[from], stops[from + 1]];
    for (let part = 0; part < 3; part++)
      shades[4 * level + part] = one[part] + (other[part] - one[part]) * (place - from);
    shades[4 * level + 3] = 255;
  }
  return shades;
}
