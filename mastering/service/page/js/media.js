// The desk's player as wavesurfer wants it: a media element. The AudioContext's clock stays the only one.

const TELL_MS = 250; // how often a media element tells its time

/**
 * What wavesurfer uses of HTMLMediaElement, over a Player: `currentTime` (read, and set to seek), `duration`,
 * `paused`, `play()`, `pause()`, and the events "play", "pause", "seeking", "seeked" and "timeupdate".
 *
 * Nothing is loaded or decoded through it: there is no source, so that wavesurfer draws the peaks it is given.
 * There is no "ended" either, since at its end the music pauses and goes back to its start. With `calm` (reduced
 * motion) "play" is kept back: wavesurfer then moves with "timeupdate" and not with every frame of the screen.
 */
export class PlayerMedia extends EventTarget {
  constructor(player, { calm = false } = {}) {
    super();
    Object.assign(this, { player, calm, volume: 1, muted: false, playbackRate: 1 });
    Object.assign(this, {
      src: "",
      currentSrc: "",
      readyState: 4,
      seeking: false,
      ended: false,
      error: null,
    });
    this.was = player.playing;
    this.listener = () => this.follow();
    player.addEventListener("state", this.listener);
  }

  get currentTime() {
    return this.player.position_s;
  }

  set currentTime(to_s) {
    this.player.seek(to_s);
  }

  get duration() {
    return this.player.duration_s;
  }

  get paused() {
    return !this.player.playing;
  }

  play() {
    return this.player.play();
  }

  pause() {
    this.player.pause();
  }

  /** Tells what the player has done: begun, ended, or gone elsewhere. */
  follow() {
    const { playing } = this.player;
    if (playing === this.was) this.tell("seeking", "seeked");
    else if (!playing) this.tell("pause");
    else if (!this.calm) this.tell("play");
    this.was = playing;
    clearInterval(this.timer);
    if (playing) this.timer = setInterval(() => this.tell("timeupdate"), TELL_MS);
    this.tell("timeupdate");
  }

  tell(...names) {
    for (const name of names) this.dispatchEvent(new Event(name));
  }

  /** Ends listening to the player, which goes on. */
  close() {
    clearInterval(this.timer);
    this.player.removeEventListener("state", this.listener);
  }
}
