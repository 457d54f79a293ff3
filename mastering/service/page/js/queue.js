// The work: what waits, runs, is done or failed, newest first.

import { post, remove } from "./api.js";
import { Parts, grouped, tally } from "./batch.js";
import { announce, fill, h, say } from "./dom.js";
import { drop, jobs, learn, onJob } from "./events.js";
import { ago, jobTitle, sentence } from "./format.js";
import { titleOf } from "./presets.js";

const WORDS = { queued: "Waiting", running: "Working", done: "Done", failed: "Failed", cancelled: "Stopped" };
export const KINDS = {
  master: "Master",
  album: "Album",
  apply: "Master",
  stems: "Stems",
  remix: "Remix",
  batch: "Each on its own",
};

/** Tells people who hear the page when a job has ended, whatever view they are in. Once, for the whole page. */
export function announceEnds() {
  const states = new Map();
  const news = h("p", { id: "news", class: "unseen", role: "status" }); // of its own: a desk that opens speaks, too
  document.body.append(news);
  const heard = (job) => {
    const before = states.get(job.id);
    states.set(job.id, job.state);
    if (!["queued", "running"].includes(before) || !["done", "failed"].includes(job.state)) return;
    if (grouped().has(job.id)) return;
    const why = job.parts?.length ? "" : sentence(job.error?.message ?? "", job.label);
    say(news, `${jobTitle(job)}: ${job.parts?.length ? tally(job) : WORDS[job.state]}. ${why}`.trim());
  };
  onJob((job) => (job ? [job] : jobs()).forEach(heard));
}

/** The list as a section; `close()` ends it. */
export function queue() {
  const list = h("ol", { class: "rows work" });
  const nothing = h("p", {
    class: "muted",
    text: "Nothing yet. What you start appears here, also after the page was closed.",
  });
  const element = h(
    "section",
    { class: "queue", "aria-labelledby": "queue-title" },
    h("h2", { id: "queue-title", tabindex: "-1", text: "Work" }),
    nothing,
    list,
  );
  const rows = new Map();

  function render() {
    const inside = grouped();
    const shown = jobs().filter((job) => job.kind in KINDS && !inside.has(job.id));
    nothing.hidden = shown.length > 0;
    fill(
      list,
      shown.map(
        (job) =>
          (rows.has(job.id) ? rows.get(job.id).update(job) : rows.set(job.id, new Row(job)).get(job.id))
            .element,
      ),
    );
  }

  const end = onJob((job) => {
    if (job && rows.has(job.id)) rows.get(job.id).update(job);
    else if (!job || !grouped().has(job.id)) render();
  });
  render();
  return { element, close: end };
}

class Row {
  constructor(job) {
    this.element = h("li", { class: "row job" });
    this.update(job);
  }

  update(job) {
    if (this.job?.state !== job.state) this.build(job);
    this.job = job;
    this.parts?.update(job);
    if (this.bar) {
      this.bar.value = job.share ?? 0;
      this.stage.textContent =
        job.state === "queued" ? "Waits for its turn" : job.parts?.length ? tally(job) : begun(job.stage);
      this.percent.textContent = job.state === "queued" ? "" : `${Math.floor((job.share ?? 0) * 100)} %`;
    }
    return this;
  }

  build(job) {
    const busy = ["queued", "running"].includes(job.state);
    this.bar = busy
      ? h("progress", { max: "1", value: "0", "aria-label": `Progress of ${job.label}` })
      : null;
    this.stage = h("span", { class: "stage" });
    this.percent = h("span", { class: "figure" });
    this.told = h("span", { class: "row-told missed", role: "alert" });
    this.element.dataset.state = job.state;
    const held = this.element.contains(document.activeElement);
    fill(
      this.element,
      h(
        "span",
        { class: "row-name" },
        opens(job) ? h("a", { href: `#/job/${job.id}`, text: jobTitle(job) }) : jobTitle(job),
        h("small", { text: `${KINDS[job.kind]}${what(job)} · ${ago(job.created_at)}` }),
      ),
      busy
        ? h("span", { class: "row-progress" }, this.stage, this.bar, this.percent)
        : h("span", { class: "state" }, outcome(job)),
      h(
        "span",
        { class: "row-tools" },
        tools(job, (problem) => this.fail(problem)),
      ),
      this.songs(job),
      this.told,
    );
    if (held) this.element.querySelector(".row-tools :is(a, button)").focus();
  }

  /** The songs of a batch, shown where one of them failed. */
  songs(job) {
    if (!job.parts?.length) return null;
    this.parts ??= new Parts(job);
    this.parts.update(job);
    this.details ??= h(
      "details",
      { class: "row-parts" },
      h("summary", { text: "Songs" }),
      this.parts.element,
    );
    if (job.state === "failed") this.details.open = true;
    return this.details;
  }

  fail(problem) {
    this.told.textContent = `${problem.message} ${problem.hint}`;
  }
}

/** What became of a job: of one that failed the reason and the way out. */
function outcome(job) {
  if (job.parts?.length) return tally(job);
  if (!job.error) return WORDS[job.state];
  return [
    sentence(job.error.message, job.label),
    job.error.hint ? h("small", { text: sentence(job.error.hint) }) : null,
  ];
}

const opens = (job) => job.state === "done" || job.parts?.some((part) => part.state === "done");

function tools(job, fail) {
  const button = (text, act, label) =>
    h("button", {
      type: "button",
      class: "quiet",
      text,
      "aria-label": `${label} ${jobTitle(job)}`,
      on: { click: () => act().catch(fail) },
    });
  if (["queued", "running"].includes(job.state))
    return button(
      "Cancel",
      async () => learn((await post(`/jobs/${job.id}/cancel`)) ?? { ...job, state: "cancelled" }),
      "Cancel",
    );
  const open = opens(job)
    ? h("a", {
        class: "button",
        href: `#/job/${job.id}`,
        "aria-label": `Open ${jobTitle(job)}`,
        text: "Open",
      })
    : null;
  const forget = async () => {
    await remove(`/jobs/${job.id}`);
    drop(job.id);
    document.getElementById("queue-title")?.focus();
    announce(`${jobTitle(job)} is deleted.`);
  };
  const gone = button("Delete", forget, "Delete");
  if (job.state === "done") return [open, gone];
  const again = job.parts?.length ? "Try the rest again" : "Try again";
  return [open, button(again, async () => learn(await post(`/jobs/${job.id}/retry`)), `${again}:`), gone];
}

/** What was asked for, as " · Loud · Spotify". */
export function what(job) {
  const { style, target } = job.request ?? {};
  const words = [style, target].filter(Boolean).map(titleOf);
  if (job.references?.length) words.unshift("To a reference");
  return words.map((word) => ` · ${word}`).join("");
}

function begun(words) {
  return words ? words[0].toUpperCase() + words.slice(1) : "Starting";
}
