// Reads a WAV as it streams in and keeps, of each column, the spectrum of one window: memory stays that of the picture.

import { parseHeader } from "./wav.js";

const SIZE = 2048;
const LOW_HZ = 30;
const FLOOR_DB = -78;
const CEILING_DB = -16;

onmessage = ({ data }) => compute(data).then(postMessage, () => postMessage({ levels: null }));

async function compute({ url, columns, rows, duration_s }) {
  const reader = (await fetch(url)).body.getReader();
  let head = null;
  let held = new Uint8Array(0);
  let start = 0;
  const bins = { levels: new Uint8ClampedArray(columns * rows), columns, rows, next: 0 };
  for (;;) {
    const { done, value } = await reader.read();
    if (value) held = joined(held, value);
    if (!head && (held.length > 65536 || done)) {
      head = parseHeader(held.slice().buffer);
      held = held.subarray(head.dataAt);
    }
    if (head) [held, start] = take(held, start, head, bins, duration_s);
    if (done) break;
  }
  return { levels: bins.levels, top_hz: Math.min(20000, head.rate_hz / 2) };
}

function joined(one, other) {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}

/** Draws the columns whose windows are complete; returns what is still needed and the frame it begins with. */
function take(held, start, head, bins, duration_s) {
  const frames = Math.floor(held.length / head.frameBytes);
  const where = (column) =>
    Math.floor(((column + 0.5) / bins.columns) * duration_s * head.rate_hz) - SIZE / 2;
  while (bins.next < bins.columns && where(bins.next) + SIZE <= start + frames) {
    const at = Math.max(0, where(bins.next) - start);
    if (where(bins.next) >= 0) column(window(held, at, head), head.rate_hz, bins);
    bins.next++;
  }
  const spare = Math.min(
    frames,
    Math.max(0, (bins.next < bins.columns ? where(bins.next) : start + frames) - start),
  );
  return [held.slice(spare * head.frameBytes), start + spare];
}

/** SIZE samples of the middle channel, under a Hann window. */
function window(held, frame, head) {
  const view = new DataView(held.buffer, held.byteOffset, held.byteLength);
  const read = reading(head);
  const samples = new Float64Array(SIZE);
  const step = head.bits / 8;
  for (let at = 0; at < SIZE; at++) {
    let sum = 0;
    for (let channel = 0; channel < head.channels; channel++)
      sum += read(view, (frame + at) * head.frameBytes + channel * step);
    samples[at] = (sum / head.channels) * (0.5 - 0.5 * Math.cos((2 * Math.PI * at) / SIZE));
  }
  return samples;
}

function reading({ bits, isFloat }) {
  if (isFloat) return (view, at) => view.getFloat32(at, true);
  if (bits === 16) return (view, at) => view.getInt16(at, true) / 32768;
  if (bits === 24) return (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 65536) / 8388608;
  return (view, at) => view.getInt32(at, true) / 2147483648;
}

function column(samples, rate_hz, { levels, columns, rows, next }) {
  const power = spectrum(samples);
  const top_hz = Math.min(20000, rate_hz / 2);
  const bin = (row) => ((LOW_HZ * (top_hz / LOW_HZ) ** (row / rows)) / rate_hz) * SIZE;
  for (let row = 0; row < rows; row++) {
    const [low, high] = [bin(row), bin(row + 1)];
    let most = 0;
    for (let at = Math.floor(low); at <= Math.max(Math.floor(low), Math.floor(high)); at++)
      most = Math.max(most, power[at] ?? 0);
    const db = 10 * Math.log10(most + 1e-20) + 3 * Math.log2((((low + high) / 2 / SIZE) * rate_hz) / 1000);
    levels[(rows - 1 - row) * columns + next] = (255 * (db - FLOOR_DB)) / (CEILING_DB - FLOOR_DB);
  }
}

/** Power of each bin, a full-scale sine being 0 dB. */
function spectrum(real) {
  const imaginary = new Float64Array(SIZE);
  fourier(real, imaginary);
  const scale = (4 / SIZE) ** 2;
  return Float64Array.from({ length: SIZE / 2 }, (_, at) => scale * (real[at] ** 2 + imaginary[at] ** 2));
}

const TURNS = Array.from({ length: SIZE / 2 }, (_, k) => [
  Math.cos((-2 * Math.PI * k) / SIZE),
  Math.sin((-2 * Math.PI * k) / SIZE),
]);

/** Radix-2 Fourier transform in place (Cooley and Tukey 1965). */
function fourier(real, imaginary) {
  for (let i = 1, j = 0; i < SIZE; i++) {
    let bit = SIZE >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) [real[i], real[j]] = [real[j], real[i]];
  }
  for (let length = 2; length <= SIZE; length *= 2) {
    for (let k = 0; k < length / 2; k++) {
      const [cos, sin] = TURNS[(k * SIZE) / length];
      for (let i = k; i < SIZE; i += length) {
        const j = i + length / 2;
        const [x, y] = [real[j] * cos - imaginary[j] * sin, real[j] * sin + imaginary[j] * cos];
        [real[j], imaginary[j]] = [real[i] - x, imaginary[i] - y];
        [real[i], imaginary[i]] = [real[i] + x, imaginary[i] + y];
      }
    }
  }
}
