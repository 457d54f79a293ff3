// A master with other settings, rendered by the server piece by piece as the playhead gets there.

import { bytesOf, postForBytes } from "./api.js";
import { integrated } from "./loudness.js";
import { PIECE_S } from "./pieces.js";

const KEPT = 4;
const AGAIN_MS = 2000;

/** Like FilePieces, but each piece is a render of the job's recipe with `adjust` applied. */
export class PreviewPieces {
  constructor({ job, song, adjust, rate_hz, duration_s }) {
    Object.assign(this, { job, song, adjust, rate_hz, duration_s });
    this.decoder = new OfflineAudioContext(1, 1, rate_hz);
    this.kept = new Map();
    this.ending = new AbortController();
  }

  piece(index) {
    if (!this.kept.has(index)) {
      const loading = this.load(index);
      this.kept.set(index, loading);
      loading.catch(() => this.kept.delete(index));
      while (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
    }
    return this.kept.get(index);
  }

  async load(index) {
    const start_s = index * PIECE_S;
    const duration_s = Math.min(PIECE_S, this.duration_s - start_s);
    if (duration_s <= 0) return null;
    const { job, song, adjust } = this;
    const response = await this.rendered({ job, song, adjust, start_s, duration_s });
    return this.decoder.decodeAudioData(await bytesOf(response));
  }

  /** Where the job has changed single stems, the first piece waits until they are there again. */
  async rendered(wanted) {
    for (;;) {
      try {
        return await postForBytes("/previews", wanted, { signal: this.ending.signal });
      } catch (problem) {
        if (problem.code !== "stems_in_the_making") throw problem;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  /** Stops what is not needed any more; what is already there stays. */
  abandon() {
    this.ending.abort(new DOMException("other settings", "AbortError"));
  }
}

/** How much louder one version of a piece is than another, LU; 0 where either is silent. */
export async function louder_lu(pieces, base, index) {
  const [one, other] = await Promise.all([pieces.piece(index), base.piece(index)]);
  const difference = one && other ? integrated(one) - integrated(other) : 0;
  return Number.isFinite(difference) ? difference : 0;
}
