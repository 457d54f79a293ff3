// One clock for all that sounds: tracks are cut into pieces that start at the same frames of one AudioContext.
//
// Every track always runs; what is heard is a matter of gains, so switching costs neither time nor position.

import { PIECE_S } from "./pieces.js";
import { FADE_S, Track } from "./track.js";

const AHEAD_S = 3;
const START_S = 0.1;
const LATEST_S = 1;
const TICK_MS = 120;

/** Plays tracks in step. Events: "state", "select", "loop", "problem". */
export class Player extends EventTarget {
  /**
   * @param {number} duration_s of the music.
   * @param {number} rate_hz of the music; the context runs at it, so that nothing is resampled.
   */
  constructor({ duration_s, rate_hz }) {
    super();
    Object.assign(this, { duration_s, rate_hz, playing: false, waiting: false, loop: null, selected: null });
    this.context = new AudioContext({ sampleRate: rate_hz, latencyHint: "interactive" });
    this.bus = new GainNode(this.context);
    this.bus.connect(this.context.destination);
    this.tracks = new Map();
    this.frames = Math.round(duration_s * rate_hz);
    this.stopped = 0;
    this.spans = [];
    this.lead_s = START_S;
  }

  /** Adds a track that is silent until it is selected; `into` puts processing between it and the bus. */
  add(name, pieces, into = this.bus) {
    this.tracks.set(name, new Track(this.context, pieces, into));
  }

  /** Sets how loud each track is when it is heard, as factors: {original: 1, master: 0.6}. */
  setLevels(levels) {
    for (const [name, level] of Object.entries(levels))
      if (this.tracks.has(name)) this.tracks.get(name).level = level;
    this.fade();
  }

  /** What is heard: one track's name, or a set of names. */
  select(names) {
    this.selected = new Set(typeof names === "string" ? [names] : names);
    this.fade();
    this.tell("select");
  }

  fade() {
    for (const [name, track] of this.tracks) track.open(this.selected?.has(name));
  }

  /** The frame of the music that sounds at a time of the context. */
  frameAt(time) {
    if (!this.playing) return this.stopped;
    const at = Math.round(time * this.rate_hz);
    const span = this.spans.findLast((one) => one.at <= at) || this.spans[0];
    if (!span) return this.stopped;
    return Math.min(Math.max(span.from, span.from + at - span.at), span.to);
  }

  /** Where the music is, as heard now. */
  get position_s() {
    const late = this.context.outputLatency || this.context.baseLatency || 0;
    return this.frameAt(this.context.currentTime - late) / this.rate_hz;
  }

  async play() {
    if (this.playing) return;
    await this.context.resume();
    if (this.playing) return;
    if (this.stopped >= this.frames) this.stopped = 0;
    this.playing = true;
    this.begin(this.stopped);
    this.tell("state");
  }

  pause() {
    if (!this.playing) return;
    const frame = this.frameAt(this.context.currentTime);
    this.playing = false;
    this.waiting = false;
    clearTimeout(this.timer);
    this.stopped = frame;
    this.silence();
    this.tell("state");
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  /** Goes to a second of the music. */
  seek(to_s) {
    const frame = Math.round(Math.min(Math.max(0, to_s), this.duration_s) * this.rate_hz);
    if (this.playing) {
      this.silence();
      this.begin(Math.min(frame, this.frames - 1));
    } else this.stopped = frame;
    this.tell("state");
  }

  /** Repeats from one second to another; null ends it. */
  setLoop(region) {
    this.loop = region && region.to_s - region.from_s >= 0.05 ? region : null;
    if (this.playing) {
      const soon = this.frameAt(this.context.currentTime + this.lead_s) / this.rate_hz;
      const outside = this.loop && (soon < this.loop.from_s || soon >= this.loop.to_s);
      if (outside) this.seek(this.loop.from_s);
      else this.planAnew();
    }
    this.tell("loop");
  }

  /** Ends everything; the player is of no use afterwards. */
  close() {
    this.playing = false;
    clearTimeout(this.timer);
    this.silence();
    this.context.close();
  }

  begin(frame) {
    this.spans = [];
    this.next = { at: null, frame, run: {} };
    this.stopped = frame;
    this.tick();
  }

  /** Plans once more what comes, while what sounds goes on: the loop is another. */
  planAnew() {
    const at = Math.ceil((this.context.currentTime + this.lead_s) * this.rate_hz);
    const frame = this.frameAt(at / this.rate_hz);
    for (const track of this.tracks.values()) track.endAt(at);
    this.spans = this.spans.filter((span) => span.at < at);
    this.next = { at, frame, run: {}, fade: true };
    this.tick();
  }

  /** Plans pieces until AHEAD_S from now; waits, with the clock of the music standing, for one that is late. */
  async tick() {
    clearTimeout(this.timer);
    const round = (this.round = {});
    while (this.playing && this.round === round && this.due()) {
      const span = this.upcoming();
      const loaded = await this.load(span.index).catch((problem) => this.fail(problem));
      if (!this.playing || this.round !== round || !loaded) return;
      if (loaded.some(({ track, pieces }) => track.pieces !== pieces)) continue; // replaced meanwhile
      if (!this.plan(span, loaded)) return this.again(span.from);
      if (span.to >= this.frames && !this.looping(span)) return void this.finish();
    }
    if (this.playing && this.round === round) this.timer = setTimeout(() => this.tick(), TICK_MS);
  }

  due() {
    return this.next.at === null || this.next.at < (this.context.currentTime + AHEAD_S) * this.rate_hz;
  }

  looping({ from, to }) {
    return (
      this.loop && from < this.loop.to_s * this.rate_hz && to >= Math.round(this.loop.to_s * this.rate_hz)
    );
  }

  upcoming() {
    const from = this.next.frame;
    const index = Math.floor(from / (PIECE_S * this.rate_hz));
    const end = this.loop ? Math.round(this.loop.to_s * this.rate_hz) : this.frames;
    const limit = from < end ? Math.min(end, this.frames) : this.frames;
    return { index, from, to: Math.min((index + 1) * PIECE_S * this.rate_hz, limit), run: this.next.run };
  }

  /** The piece of every track, and what it was taken from. */
  async load(index) {
    const late = setTimeout(() => this.wait(true), 250);
    const one = async (track, pieces) => ({ track, pieces, buffer: await pieces.piece(index) });
    try {
      return await Promise.all([...this.tracks.values()].map((track) => one(track, track.pieces)));
    } finally {
      clearTimeout(late);
      this.wait(false);
    }
  }

  wait(waiting) {
    const stands = waiting && (this.next?.at ?? 0) <= this.context.currentTime * this.rate_hz;
    if (this.waiting === stands) return;
    this.waiting = stands;
    this.tell("state");
  }

  /** Plans a span of every track; false where that took so long that they may not have begun together. */
  plan(span, loaded) {
    const now = this.context.currentTime * this.rate_hz;
    const late = this.next.at === null || this.next.at < now;
    const at = late ? Math.ceil(now + this.lead_s * this.rate_hz) : this.next.at;
    for (const { track, buffer } of loaded) if (buffer) track.plan(buffer, { ...span, at }, this.next.fade);
    this.spans = this.spans.filter((one) => one.at + one.to - one.from > now - this.rate_hz);
    this.spans.push({ ...span, at });
    const end = at + span.to - span.from;
    this.next = this.looping(span) ? this.turn(span.run, end) : { at: end, frame: span.to, run: span.run };
    for (const track of this.tracks.values())
      track.pieces.piece(Math.floor(this.next.frame / (PIECE_S * this.rate_hz)))?.catch(() => {});
    return this.context.currentTime * this.rate_hz < at;
  }

  /**
   * Where the loop begins again: a new run takes over from the old at frame `at` of the context. The fade between
   * them lies before the seam, so that the first beat comes whole and the loop keeps its length to the sample.
   */
  turn(old, at) {
    const [first, fade] = [this.loop.from_s, FADE_S].map((seconds) => Math.round(seconds * this.rate_hz));
    const [early, run] = [Math.min(fade, first), {}];
    for (const track of this.tracks.values()) track.cross(old, run, { at, out: fade, into: early });
    return { at: at - early, frame: first - early, run };
  }

  /** Begins anew where a busy machine was too slow, with more time ahead. */
  again(frame) {
    this.lead_s = Math.min(LATEST_S, 2 * this.lead_s);
    this.silence();
    this.begin(Math.min(frame, this.frames - 1));
  }

  /** Gives a track other music; it takes over at the same frame once it is there, and the old sounds until then. */
  async replace(name, pieces) {
    const track = this.tracks.get(name);
    const wish = (track.wish = {});
    for (;;) {
      const wanted = this.comingPieces();
      const buffers = new Map(
        await Promise.all(wanted.map(async (index) => [index, await pieces.piece(index)])),
      );
      if (track.wish !== wish) return false;
      if (!this.comingPieces().every((index) => buffers.has(index))) continue;
      track.pieces = pieces;
      if (this.playing) this.swap(track, buffers);
      return true;
    }
  }

  comingPieces() {
    const now = (this.context.currentTime + 2 * this.lead_s) * this.rate_hz;
    const spans = this.playing ? this.spans.filter((span) => span.at + span.to - span.from > now) : [];
    const frames = spans.length ? spans.map((span) => span.from) : [Math.min(this.stopped, this.frames - 1)];
    return [...new Set(frames.map((frame) => Math.floor(frame / (PIECE_S * this.rate_hz))))];
  }

  swap(track, buffers) {
    const at = Math.ceil((this.context.currentTime + this.lead_s) * this.rate_hz);
    track.endAt(at);
    for (const span of this.spans) {
      const skipped = Math.max(0, at - span.at);
      const from = span.from + skipped;
      const index = Math.floor(span.from / (PIECE_S * this.rate_hz));
      const buffer = from < span.to && buffers.get(index);
      if (buffer) track.plan(buffer, { ...span, index, from, at: span.at + skipped }, skipped > 0);
    }
    if (this.context.currentTime * this.rate_hz >= at) this.again(this.frameAt(this.context.currentTime));
  }

  silence() {
    this.round = null;
    for (const track of this.tracks.values()) track.silence();
    this.spans = [];
  }

  finish() {
    const left_s = Math.max(0, this.next.at / this.rate_hz - this.context.currentTime);
    this.timer = setTimeout(
      () => {
        this.pause();
        this.stopped = 0;
        this.tell("state");
      },
      left_s * 1000 + 30,
    );
  }

  fail(problem) {
    this.pause();
    this.dispatchEvent(new CustomEvent("problem", { detail: problem }));
  }

  tell(name) {
    this.dispatchEvent(new CustomEvent(name));
  }
}
