// One of the tracks of a player: its music in pieces, its level, and what of it is planned to sound.

import { PIECE_S } from "./pieces.js";

/** Length of every fade: too short to hear as one, long enough not to click. */
export const FADE_S = 0.01;

/** A track of a player; silent until it is opened. */
export class Track {
  /**
   * @param {AudioContext} context that it sounds in.
   * @param {object} pieces with `piece(index)`, a promise of an AudioBuffer or null.
   * @param {AudioNode} into that it is played.
   */
  constructor(context, pieces, into) {
    Object.assign(this, { context, pieces, level: 1, sounds: [], wish: null });
    this.runs = new WeakMap();
    this.gain = new GainNode(context, { gain: 0 });
    this.gain.connect(into);
  }

  /** Fades to its level, or to silence. */
  open(heard) {
    ramp(this.gain.gain, this.context.currentTime, heard ? this.level : 0);
  }

  /**
   * Plans a part of one piece.
   *
   * @param {AudioBuffer} buffer of the piece.
   * @param {object} span `index` of the piece, frames `from` and `to` of the music, frame `at` of the context, and
   *   the `run` that it belongs to: music without a jump.
   * @param {boolean} fade it in.
   */
  plan(buffer, { index, from, to, at, run }, fade = false) {
    const rate_hz = this.context.sampleRate;
    const source = new AudioBufferSourceNode(this.context, { buffer });
    const gain = new GainNode(this.context, { gain: fade ? 0 : 1 });
    const time_s = at / rate_hz;
    if (fade) gain.gain.setValueAtTime(0, time_s).linearRampToValueAtTime(1, time_s + FADE_S);
    source.connect(gain).connect(this.through(run));
    source.start(time_s, from / rate_hz - index * PIECE_S, (to - from) / rate_hz);
    const sound = { source, gain };
    source.onended = () => (this.sounds = this.sounds.filter((one) => one !== sound));
    this.sounds.push(sound);
  }

  /** What all sounds of a run go through. */
  through(run) {
    if (!this.runs.has(run)) {
      const node = new GainNode(this.context);
      node.connect(this.gain);
      this.runs.set(run, node);
    }
    return this.runs.get(run);
  }

  /**
   * Fades from one run into another.
   *
   * @param {object} old and `next`, the runs.
   * @param {object} when frame `at` of the context at which both fades end, and how many frames they take.
   */
  cross(old, next, { at, out, into }) {
    const rate_hz = this.context.sampleRate;
    const end_s = at / rate_hz;
    this.through(old)
      .gain.setValueAtTime(1, (at - out) / rate_hz)
      .linearRampToValueAtTime(0, end_s);
    const { gain } = this.through(next);
    if (into) gain.setValueAtTime(0, (at - into) / rate_hz).linearRampToValueAtTime(1, end_s);
  }

  /** Ends what is planned at a frame of the context; what begins later never sounds. */
  endAt(at) {
    const time_s = at / this.context.sampleRate;
    for (const { gain, source } of this.sounds) {
      gain.gain.setValueAtTime(1, time_s).linearRampToValueAtTime(0, time_s + FADE_S);
      source.stop(time_s + FADE_S);
    }
  }

  /** Ends what sounds now and forgets what was planned. */
  silence() {
    const now_s = this.context.currentTime;
    for (const { gain, source } of this.sounds) {
      ramp(gain.gain, now_s, 0);
      source.stop(now_s + FADE_S);
    }
    this.sounds = [];
  }
}

function ramp(parameter, now_s, to) {
  const from = parameter.value;
  parameter.cancelScheduledValues(now_s);
  parameter.setValueAtTime(from, now_s);
  parameter.linearRampToValueAtTime(to, now_s + FADE_S);
}
