// The waveform over all lanes: wavesurfer draws and scrolls it, is clicked and dragged, and holds the loop.

import WaveSurfer from "../vendor/wavesurfer/wavesurfer.esm.js";
import Regions from "../vendor/wavesurfer/regions.esm.js";
import { announce, blend, ink } from "./dom.js";
import { spoken } from "./format.js";
import { PlayerMedia } from "./media.js";
import { Peaks, drawPeaks, mostPoints } from "./peaks.js";
import { INKS } from "./lanes.js";

const DRAG_PX = 5;
const SHORTEST_S = 0.05;
const PX_PER_POINT = 2;
const NOTHING = [new Float32Array(2)];

/** A waveform in an element that covers all lanes; the lanes below draw the window of time that `view()` says. */
export class Waveform {
  /**
   * @param {HTMLElement} element to fill, positioned over all lanes.
   * @param {HTMLElement} lane that gives the height of the waveform.
   * @param {function(): void} onView called when another window of time is shown.
   */
  constructor({ element, lane, material, player, onView }) {
    Object.assign(this, { element, lane, player, onView, shown: "master", zoom_px_per_s: 0 });
    Object.assign(this, { drawn_s: 0, px_per_s: 1 });
    Object.assign(this, { sources: material.sources, duration_s: material.duration_s });
    this.most_px_per_s = (PX_PER_POINT * mostPoints(material)) / this.duration_s;
    this.peaks = new Peaks({ material, onMore: (name) => name === this.shown && this.draw() });
    this.media = new PlayerMedia(player);
    this.loops = Regions.create();
    // No height here: it would be part of the style sheet whose hash the content policy names.
    this.surfer = WaveSurfer.create({
      container: element,
      media: this.media,
      peaks: NOTHING,
      duration: this.duration_s,
      renderFunction: drawPeaks,
      cursorWidth: 2,
      autoScroll: false,
      plugins: [this.loops],
      ...this.inks(),
    });
    this.surfer.getWrapper().parentElement.tabIndex = -1; // the slider around it is what takes the keys
    for (const event of ["scroll", "redraw", "resize"]) this.surfer.on(event, () => this.moved());
    this.surfer.once("ready", () => this.begin());
    new ResizeObserver(() => this.fit()).observe(lane);
  }

  begin() {
    this.ready = true;
    for (const { name } of this.sources) this.peaks.want(name, 1);
    this.fit();
    this.draw();
    holdLoop(this.loops, this.player);
  }

  /** Puts one source in front. */
  show(name) {
    this.shown = name;
    this.draw();
  }

  draw() {
    if (!this.ready || this.closed) return;
    this.peaks.want(this.shown, this.wide_px * (window.devicePixelRatio || 1));
    this.surfer.setOptions(this.inks());
    this.surfer.load("", this.peaks.channels(this.shown) ?? NOTHING, this.duration_s);
  }

  inks() {
    const own = INKS[this.shown];
    return { waveColor: blend(own, "lane", 0.55), progressColor: ink(own), cursorColor: ink("ink") };
  }

  fit() {
    const { clientHeight: height } = this.lane;
    if (this.ready && height && height !== this.surfer.options.height) this.surfer.setOptions({ height });
  }

  /** How wide the whole song is drawn, and how wide the part of it that is seen. */
  get wide_px() {
    return this.surfer.getWrapper().getBoundingClientRect().width || 1;
  }

  get seen_px() {
    return this.surfer.getWidth();
  }

  /** The window of time that is seen. */
  view() {
    const seconds = this.duration_s / this.wide_px;
    const from_s = this.surfer.getScroll() * seconds;
    return { from_s, to_s: Math.min(this.duration_s, from_s + this.seen_px * seconds) };
  }

  /** How many times larger than the whole song in view. */
  get zoom() {
    return this.wide_px / this.seen_px;
  }

  /** Whether there is more to be seen from nearer. */
  get closer() {
    return this.wide_px < this.most_px_per_s * this.duration_s * 0.99;
  }

  /** Zooms by a factor; what is at `anchor_s` stays where it is on the screen. */
  zoomBy(factor, anchor_s) {
    const whole_px_per_s = this.seen_px / this.duration_s;
    const wanted = Math.min(this.most_px_per_s, Math.max(this.zoom_px_per_s, whole_px_per_s) * factor);
    const { from_s, to_s } = this.view();
    const place = (anchor_s - from_s) / (to_s - from_s);
    this.zoom_px_per_s = wanted > whole_px_per_s * 1.01 ? wanted : 0;
    this.surfer.zoom(this.zoom_px_per_s);
    this.scrollTo(anchor_s - place * (this.duration_s / this.zoom));
    this.draw();
  }

  /** Begins the window of time at a second. */
  scrollTo(from_s) {
    this.surfer.setScroll((from_s / this.duration_s) * this.wide_px);
    this.moved();
  }

  /** Moves the playhead where that can be seen. */
  update() {
    const now_s = this.player.position_s;
    if (Math.abs(now_s - this.drawn_s) * this.px_per_s < 0.5) return;
    this.drawn_s = now_s;
    this.media.tick();
  }

  moved() {
    this.px_per_s = this.wide_px / this.duration_s;
    if (this.ready && !this.closed) this.onView();
  }

  close() {
    this.closed = true;
    this.surfer.destroy();
    this.media.close();
  }
}

/** One loop as a region: dragged over the lanes, moved, and set by its edges; what the player loops is what is seen. */
function holdLoop(regions, player) {
  let own = null;
  const take = ({ start: from_s, end: to_s }) => {
    if (player.loop?.from_s === from_s && player.loop.to_s === to_s) return;
    player.setLoop({ from_s, to_s });
    announce(player.loop ? `Loop from ${spoken(from_s)} to ${spoken(to_s)}` : "Loop off");
  };
  const place = () => {
    const { loop } = player;
    if (!loop) {
      own?.remove();
      own = null;
    } else if (own) own.setOptions({ start: loop.from_s, end: loop.to_s });
    else regions.addRegion({ ...LOOK, start: loop.from_s, end: loop.to_s });
  };
  regions.on("region-initialized", (region) => {
    own?.remove();
    own = region;
  });
  regions.on("region-created", take);
  regions.on("region-updated", take);
  regions.enableDragSelection(LOOK, DRAG_PX);
  player.addEventListener("loop", place);
  place();
}

/** The colour is the style sheet's. */
const LOOK = { color: "transparent", minLength: SHORTEST_S };
