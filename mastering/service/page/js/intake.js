// What was brought: songs and references, as they are uploaded and as the server knows them.

import { Problem, get } from "./api.js";
import { announce, h } from "./dom.js";
import { clock, measure, number, rate, sentence, size } from "./format.js";
import { upload } from "./uploads.js";

/** Holds two lists, "songs" and "references", in the remembered setup. */
export class Intake {
  constructor({ setup, about, onChange }) {
    Object.assign(this, { setup, about, onChange });
    this.known = new Map();
    this.uploads = { songs: [], references: [] };
    this.problems = [];
    this.places = new Map();
  }

  /** Looks up the songs that were chosen before this visit; those gone are forgotten. */
  async restore() {
    for (const list of ["songs", "references"]) {
      const found = await Promise.all(
        this.setup[list].map((id) =>
          get(`/songs/${id}`).catch((problem) => (problem.status === 404 ? null : Promise.reject(problem))),
        ),
      );
      for (const song of found) if (song) this.known.set(song.id, song);
      this.setup[list] = this.setup[list].filter((id) => this.known.has(id));
    }
  }

  ready(list) {
    return this.setup[list].map((id) => this.known.get(id)).filter(Boolean);
  }

  waiting() {
    return [...this.uploads.songs, ...this.uploads.references].some((one) => !one.problem);
  }

  count(list) {
    return this.setup[list].length + this.uploads[list].length;
  }

  any(list) {
    return this.count(list) > 0 || (list === "songs" && this.problems.length > 0);
  }

  clear(list) {
    this.setup[list] = [];
    this.uploads[list] = this.uploads[list].filter((one) => !one.problem);
    this.onChange();
  }

  /** Says what was refused beside the list. */
  tell(problem) {
    this.problems = [problem];
    this.onChange();
  }

  /** Uploads files; they stand in the order in which they were brought, whichever arrives first. */
  async take(files, list) {
    this.problems = [];
    const first = performance.now();
    await Promise.all(files.map((file, index) => this.one(file, list, first + index / 1000)));
  }

  async one(file, list, place) {
    const entry = { file, share: 0, problem: null, ending: new AbortController() };
    this.uploads[list].push(entry);
    this.onChange();
    try {
      this.refuse(file);
      const id = await upload(file, {
        signal: entry.ending.signal,
        onProgress: (share) => this.progress(entry, share),
      });
      this.known.set(id, await get(`/songs/${id}`));
      this.places.set(id, place);
      const before = (song) => this.places.get(song) ?? 0;
      this.setup[list] = [...this.setup[list].filter((one) => one !== id), id].sort(
        (one, other) => before(one) - before(other),
      );
      this.uploads[list] = this.uploads[list].filter((one) => one !== entry);
      announce(`${file.name} is here.`);
    } catch (problem) {
      if (problem.name === "AbortError")
        this.uploads[list] = this.uploads[list].filter((one) => one !== entry);
      entry.problem = problem;
    }
    this.onChange();
  }

  refuse(file) {
    if (!file.size)
      throw new Problem({
        detail: `“${file.name}” is empty.`,
        hint: "Export it again and drop the new file.",
      });
    if (file.size > this.about.max_upload_bytes)
      throw new Problem({
        code: "upload_too_large",
        detail: `“${file.name}” has ${size(file.size)}; this service takes up to ${size(this.about.max_upload_bytes)}.`,
        hint: "Export it as FLAC, or shorter.",
      });
  }

  progress(entry, share) {
    entry.share = share;
    entry.bar?.setAttribute("value", share);
    if (entry.percent) entry.percent.textContent = `${Math.floor(share * 100)} %`;
  }

  rows(list) {
    const rows = [
      ...this.problems.map((problem) =>
        h(
          "li",
          { class: "row bad" },
          told(problem),
          h("button", {
            type: "button",
            class: "quiet",
            text: "OK",
            on: { click: () => ((this.problems = []), this.onChange()) },
          }),
        ),
      ),
      ...this.ready(list).map((song) => this.songRow(song, list)),
      ...this.uploads[list].map((entry) => this.uploadRow(entry, list)),
    ];
    return rows.length ? h("ul", { class: "rows" }, rows) : null;
  }

  songRow(song, list) {
    const leave = () => {
      this.setup[list] = this.setup[list].filter((id) => id !== song.id);
      this.onChange();
    };
    return h(
      "li",
      { class: "row" },
      h("span", { class: "row-name", text: song.name }),
      h(
        "span",
        { class: "row-facts" },
        h("span", { text: clock(song.duration_s) }),
        h("span", { text: rate(song.sample_rate_hz) }),
        song.integrated_lufs === null ? null : h("span", { text: measure(song.integrated_lufs, "LUFS") }),
        song.true_peak_dbtp === null ? null : h("span", { text: `${number(song.true_peak_dbtp)}\u00a0dBTP` }),
      ),
      h("button", {
        type: "button",
        class: "quiet icon",
        "aria-label": `Leave ${song.name} out`,
        text: "×",
        on: { click: leave },
      }),
    );
  }

  uploadRow(entry, list) {
    const leave = () => {
      entry.ending.abort(new DOMException("left out", "AbortError"));
      this.uploads[list] = this.uploads[list].filter((one) => one !== entry);
      this.onChange();
    };
    entry.bar = entry.problem
      ? null
      : h("progress", { max: "1", value: String(entry.share), "aria-label": `Upload of ${entry.file.name}` });
    entry.percent = h("span", { class: "figure", text: `${Math.floor(entry.share * 100)} %` });
    return h(
      "li",
      { class: entry.problem ? "row bad" : "row" },
      entry.problem
        ? told(entry.problem)
        : [
            h("span", { class: "row-name", text: entry.file.name }),
            h("span", { class: "row-progress" }, entry.bar, entry.percent),
          ],
      h("button", {
        type: "button",
        class: "quiet icon",
        "aria-label": `${entry.problem ? "Dismiss" : "Stop the upload of"} ${entry.file.name}`,
        text: "×",
        on: { click: leave },
      }),
    );
  }
}

/** A problem as one sentence and the way out; `about` is a file that need not be named again. */
export function told(problem, about = "") {
  return h(
    "span",
    { class: "told", role: "alert" },
    h("b", { text: sentence(problem.message, about) }),
    problem.hint ? h("small", { text: sentence(problem.hint) }) : null,
  );
}
