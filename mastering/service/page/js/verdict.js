// The master in four numbers and one line, for those who have no time for the report.

import { h } from "./dom.js";
import { ago, measure, number } from "./format.js";
import { what } from "./queue.js";

const AIMS = {
  album_lufs: "loudness of the album",
  integrated_lufs: "loudness",
  true_peak_dbtp: "true peak",
  duration_s: "length",
};

/** Before → after of loudness, peak, range; and whether every check held. */
export function verdict(material, job) {
  const { before, after } = material.numbers;
  if (!after) return h("p", { class: "muted", text: "" });
  const fact = (title, key, unit) =>
    h(
      "div",
      {},
      h("dt", { text: title }),
      h(
        "dd",
        {},
        before ? h("span", { class: "was", text: number(before[key]) }) : null,
        before ? h("span", { class: "arrow", "aria-label": "now", text: " → " }) : null,
        h("b", { text: measure(after[key], unit) }),
      ),
    );
  const failed = (job.checks ?? []).filter((check) => check.passed === false);
  const missed = [...new Set(failed.map(({ name }) => AIMS[name] ?? name.replaceAll("_", " ")))];
  const told = missed.length
    ? `${missed.length === 1 ? "One aim was" : `${missed.length} aims were`} not reached: ${missed.join(", ")}. The report says why.`
    : "Every check passed.";
  return h(
    "div",
    { class: "verdict" },
    h(
      "dl",
      { class: "facts" },
      fact("Loudness", "integrated_lufs", "LUFS"),
      fact("True peak", "true_peak_dbtp", "dBTP"),
      fact("Range", "loudness_range_lu", "LU"),
      fact("Peak to loudness", "plr_db", "dB"),
    ),
    h(
      "p",
      { class: missed.length ? "missed" : "passed" },
      told,
      h("span", { class: "muted", text: `${what(job)} · ${ago(job.finished_at)}` }),
    ),
  );
}
