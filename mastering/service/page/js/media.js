// The desk's player as wavesurfer wants it: a media element. The AudioContext's clock stays the only one.

/**
 * What wavesurfer uses of HTMLMediaElement, over a Player: `currentTime` (read, and set to seek), `duration`,
 * `paused`, `play()`, `pause()`, and the events "pause", "seeking", "seeked" and "timeupdate".
 *
 * Nothing is loaded or decoded through it: there is no source, so that wavesurfer draws the peaks it is given. It
 * tells neither "play", at which wavesurfer would draw with every frame of the screen, though the playhead of a song
 * moves by a pixel in a quarter of a second: `tick()` tells the time when that is to be seen; nor "ended", since at
 * its end the music pauses and goes back to its start.
 */
export class PlayerMedia extends EventTarget {
  constructor(player) {
    super();
    Object.assign(this, { player, volume: 1, muted: false, playbackRate: 1 });
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

  /** Tells what the player has done: ended, or gone elsewhere. */
  follow() {
    const { playing } = this.player;
    if (playing === this.was) this.tell("seeking", "seeked");
    else if (!playing) this.tell("pause");
    this.was = playing;
    this.tick();
  }

  /** Tells that it is later. */
  tick() {
    this.tell("timeupdate");
  }

  tell(...names) {
    for (const name of names) this.dispatchEvent(new Event(name));
  }

  /** Ends listening to the player, which goes on. */
  close() {
    this.player.removeEventListener("state", this.listener);
  }
}
