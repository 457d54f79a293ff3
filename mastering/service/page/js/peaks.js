// Peaks from the server, as fine as they are needed, laid out over the time that a desk shows.

import { get } from "./api.js";
import { PIECE_S } from "./pieces.js";

/** Frames behind one of the service's finest points. */
const FINEST_FRAMES = 256;
const MOST_POINTS = 50000;
const STEPS = [2400, 12000, MOST_POINTS];

/** How many points the service has of so much music at most. */
export const mostPoints = ({ duration_s, rate_hz }) =>
  Math.min(MOST_POINTS, Math.ceil((duration_s * rate_hz) / FINEST_FRAMES));

/** The peaks of all sources of a desk; `channels(name)` are the finest that are there. */
export class Peaks {
  /** @param {function(string): void} onMore told the name of a source whose peaks came in. */
  constructor({ material, onMore }) {
    Object.assign(this, { material, onMore, kept: new Map(), wanted: new Map() });
  }

  /** Asks for peaks of at least so many points over the whole, where these are not there or on their way. */
  want(name, points) {
    const step = STEPS.find((one) => one >= points) ?? MOST_POINTS;
    if (step <= (this.wanted.get(name) ?? 0)) return;
    this.wanted.set(name, step);
    const source = this.material.sources.find((one) => one.name === name);
    get(source.peaks(step)).then(
      (found) => this.take(name, step, found),
      () => this.wanted.delete(name),
    );
  }

  take(name, step, found) {
    if (step < (this.kept.get(name)?.step ?? 0)) return;
    this.kept.set(name, { step, channels: spread(found, this.material.duration_s) });
    this.onMore(name);
  }

  /** For each channel the lowest and highest of every point in turn; null where none are there. */
  channels(name) {
    return this.kept.get(name)?.channels ?? null;
  }
}

/** A file's peaks over another length, as it is played there: cut, or from its start again after whole pieces. */
function spread({ channels, duration_s }, wanted_s) {
  if (Math.abs(duration_s - wanted_s) < 0.05) return channels.map((values) => Float32Array.from(values));
  const perSecond = channels[0].length / 2 / duration_s;
  const round = Math.max(1, Math.floor(duration_s / PIECE_S)) * PIECE_S;
  return channels.map((values) => {
    const points = new Float32Array(2 * Math.round(wanted_s * perSecond));
    for (let at = 0; at < points.length; at += 2) {
      const from = 2 * Math.floor(((at / 2 / perSecond) % round) * perSecond);
      points[at] = values[from] ?? 0;
      points[at + 1] = values[from + 1] ?? 0;
    }
    return points;
  });
}

/**
 * Draws a stretch of peaks over a whole canvas, each channel in a row of its own.
 *
 * @param {Float32Array[]} channels lowest and highest of every point in turn; the stretch may begin with either.
 * @param {CanvasRenderingContext2D} context in the canvas's own pixels, its colour set.
 */
export function drawPeaks(channels, context) {
  const { width, height } = context.canvas;
  const room = height / channels.length;
  channels.forEach((values, channel) => {
    const middle = room * (channel + 0.5);
    const each = values.length / width;
    for (let x = 0; x < width; x++) {
      const first = Math.max(0, Math.min(Math.floor(x * each), values.length - 2));
      const last = Math.max(first + 2, Math.ceil((x + 1) * each));
      let [low, high] = [1, -1];
      for (let at = first; at < last && at < values.length; at++) {
        low = Math.min(low, values[at]);
        high = Math.max(high, values[at]);
      }
      if (low > high) continue;
      const top = middle - high * room * 0.48;
      context.fillRect(x, top, 1, Math.max(1, (high - low) * room * 0.48));
    }
  });
}
