// Live measures of what is heard: momentary and short-term loudness, true peak, correlation.

import { kWeighting, toLufs } from "./loudness.js";

const WINDOW = 32768;
const BLOCK_S = 0.1;
const TAPS = 12;

/** Taps the player's bus; `read()` once a frame gives the present values. */
export class Meters {
  constructor(player) {
    const { context, bus } = player;
    this.player = player;
    this.rate_hz = context.sampleRate;
    const split = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
    bus.connect(new GainNode(context, { channelCount: 2, channelCountMode: "explicit" })).connect(split);
    this.raw = [0, 1].map((channel) => tap(context, split, channel, []));
    this.weighted = [0, 1].map((channel) => tap(context, split, channel, kWeighting(this.rate_hz)));
    this.reset();
  }

  /** Forgets what was measured, as after a jump. */
  reset() {
    this.blocks = [];
    this.sum = 0;
    this.filled = 0;
    this.last = this.player.context.currentTime;
    this.peak_dbtp = -Infinity;
    this.held_dbtp = -Infinity;
  }

  /** @returns {{momentary_lufs, short_term_lufs, peak_dbtp, held_dbtp, correlation, left, right}} of the bus. */
  read() {
    const now = this.player.context.currentTime;
    const fresh = Math.min(WINDOW - TAPS, Math.round((now - this.last) * this.rate_hz));
    this.last = now;
    for (const one of [...this.raw, ...this.weighted]) one.node.getFloatTimeDomainData(one.data);
    this.accumulate(fresh);
    const [left, right] = this.raw.map(({ data }) => data.subarray(WINDOW - Math.max(fresh, 512)));
    const peak = Math.max(...this.raw.map(({ data }) => truePeak(data.subarray(WINDOW - fresh - TAPS))));
    this.peak_dbtp = Math.max(20 * Math.log10(peak), this.peak_dbtp - 24 * (fresh / this.rate_hz));
    this.held_dbtp = Math.max(this.held_dbtp, this.peak_dbtp);
    return {
      momentary_lufs: this.over(4),
      short_term_lufs: this.over(30),
      peak_dbtp: this.peak_dbtp,
      held_dbtp: this.held_dbtp,
      correlation: correlation(left, right),
      left,
      right,
    };
  }

  accumulate(fresh) {
    const size = Math.round(BLOCK_S * this.rate_hz);
    const [one, other] = this.weighted.map(({ data }) => data);
    for (let at = WINDOW - fresh; at < WINDOW; at++) {
      this.sum += one[at] * one[at] + other[at] * other[at];
      if (++this.filled < size) continue;
      this.blocks.push(this.sum / size);
      if (this.blocks.length > 30) this.blocks.shift();
      [this.sum, this.filled] = [0, 0];
    }
  }

  over(many) {
    const last = this.blocks.slice(-many);
    return last.length < Math.min(many, 4)
      ? -Infinity
      : toLufs(last.reduce((sum, value) => sum + value, 0) / last.length);
  }
}

function tap(context, split, channel, filters) {
  const node = new AnalyserNode(context, { fftSize: WINDOW, smoothingTimeConstant: 0 });
  const chain = filters.map(
    ([feedforward, feedback]) => new IIRFilterNode(context, { feedforward, feedback }),
  );
  const first = [...chain, node].reduceRight((to, from) => (from.connect(to), from));
  split.connect(first, channel);
  return { node, data: new Float32Array(WINDOW) };
}

// Three phases between the samples, each a windowed sinc of twelve taps.
const PHASES = [0.25, 0.5, 0.75].map((shift) =>
  Float32Array.from({ length: TAPS }, (_, tap) => {
    const x = tap - TAPS / 2 + 1 - shift;
    return (Math.sin(Math.PI * x) / (Math.PI * x)) * Math.cos((Math.PI * x) / (TAPS + 1)) ** 2;
  }),
);

/** The highest absolute value of samples and of three points between each two. */
export function truePeak(samples) {
  let peak = 0;
  for (let at = 0; at + TAPS <= samples.length; at++) {
    peak = Math.max(peak, Math.abs(samples[at + TAPS / 2]));
    for (const phase of PHASES) {
      let sum = 0;
      for (let tap = 0; tap < TAPS; tap++) sum += phase[tap] * samples[at + tap];
      peak = Math.max(peak, Math.abs(sum));
    }
  }
  return peak;
}

/** From -1 (opposite) over 0 (unrelated) to 1 (mono); 0 for silence. */
export function correlation(left, right) {
  let [both, one, other] = [0, 0, 0];
  for (let at = 0; at < left.length; at++) {
    both += left[at] * right[at];
    one += left[at] * left[at];
    other += right[at] * right[at];
  }
  return one && other ? both / Math.sqrt(one * other) : 0;
}
