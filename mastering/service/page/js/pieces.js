// Music in pieces of whole seconds, decoded when it is needed and forgotten when it is far: memory stays flat.

import { RemoteWav, wrap } from "./wav.js";

/** Length of a piece. Whole seconds are whole frames at any two sample rates, so pieces join without a seam. */
export const PIECE_S = 8;

const KEPT = 6;

/** A file that is played by pieces. */
export class FilePieces {
  /**
   * @param {string} path of a WAV under the API.
   * @param {number} rate_hz of the audio context.
   * @param {boolean} repeat from its start where the music is longer than this file, as for a reference.
   */
  constructor(path, rate_hz, { repeat = false } = {}) {
    this.wav = new RemoteWav(path);
    Object.assign(this, { rate_hz, repeat });
    this.decoder = new OfflineAudioContext(1, 1, rate_hz);
    this.kept = new Map();
  }

  /** Piece number `index` as an AudioBuffer at the context's rate; null behind the end. */
  piece(index) {
    if (this.kept.has(index)) {
      const found = this.kept.get(index);
      this.kept.delete(index);
      this.kept.set(index, found);
      return found;
    }
    const loading = this.load(index);
    this.kept.set(index, loading);
    loading.catch(() => this.kept.delete(index));
    while (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
    return loading;
  }

  async load(index) {
    await this.wav.open();
    const whole = Math.max(1, Math.floor(this.wav.duration_s / PIECE_S));
    return this.cut((this.repeat ? index % whole : index) * PIECE_S);
  }

  async cut(start_s) {
    const { head, duration_s } = this.wav;
    const margin_s = head.rate_hz === this.rate_hz ? 0 : 1;
    const from_s = Math.max(0, start_s - margin_s);
    const bytes = await this.wav.samples(
      from_s * head.rate_hz,
      (start_s + PIECE_S + margin_s) * head.rate_hz,
    );
    if (!bytes.byteLength) return null;
    const whole = await this.decoder.decodeAudioData(wrap(head, bytes));
    const length = Math.round((Math.min(start_s + PIECE_S, duration_s) - start_s) * this.rate_hz);
    return margin_s ? slice(whole, (start_s - from_s) * this.rate_hz, length) : whole;
  }
}

/** Frames [from, from + length) of a buffer. */
export function slice(buffer, from, length) {
  const frames = Math.max(1, Math.min(length, buffer.length - from));
  const part = new AudioBuffer({
    numberOfChannels: buffer.numberOfChannels,
    length: frames,
    sampleRate: buffer.sampleRate,
  });
  for (let channel = 0; channel < buffer.numberOfChannels; channel++)
    part.copyToChannel(buffer.getChannelData(channel).subarray(from, from + frames), channel);
  return part;
}
