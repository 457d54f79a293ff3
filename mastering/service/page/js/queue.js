// The work: what waits, runs, is done or failed, newest first.

import { post, remove } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { drop, jobs, learn, onJob } from "./events.js";
import { ago, jobTitle } from "./format.js";

const WORDS = { queued: "Waiting", running: "Working", done: "Done", failed: "Failed", cancelled: "Stopped" };
export const KINDS = {
  master: "Master",
  album: "Album",
  apply: "Master",
  stems: "Stems",
  remix: "Remix",
  batch: "Batch",
};

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
    h("h2", { id: "queue-title", text: "Work" }),
    nothing,
    list,
  );
  const rows = new Map();

  function render() {
    const shown = jobs().filter((job) => job.kind in KINDS);
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
    else render();
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
    const ended = this.job && this.job.state !== job.state && ["done", "failed"].includes(job.state);
    if (this.job?.state !== job.state) this.build(job);
    this.job = job;
    if (this.bar) {
      this.bar.value = job.share ?? 0;
      this.stage.textContent = job.state === "queued" ? "Waits for its turn" : sentence(job.stage);
      this.percent.textContent = job.state === "queued" ? "" : `${Math.floor((job.share ?? 0) * 100)} %`;
    }
    if (ended) announce(`${jobTitle(job)}: ${WORDS[job.state]}.`);
    return this;
  }

  build(job) {
    const busy = ["queued", "running"].includes(job.state);
    this.bar = busy
      ? h("progress", { max: "1", value: "0", "aria-label": `Progress of ${job.label}` })
      : null;
    this.stage = h("span", { class: "stage" });
    this.percent = h("span", { class: "figure" });
    this.element.dataset.state = job.state;
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
        : h("span", { class: "state", text: job.error ? job.error.message : WORDS[job.state] }),
      h(
        "span",
        { class: "row-tools" },
        tools(job, (problem) => this.fail(problem)),
      ),
    );
  }

  fail(problem) {
    this.stage.textContent = problem.message;
    announce(`${problem.message} ${problem.hint}`);
  }
}

const opens = (job) => job.state === "done" && job.kind !== "batch";

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
  const gone = button("Delete", async () => (await remove(`/jobs/${job.id}`), drop(job.id)), "Delete");
  if (job.state === "done")
    return [
      opens(job)
        ? h("a", {
            class: "button",
            href: `#/job/${job.id}`,
            "aria-label": `Open ${jobTitle(job)}`,
            text: "Open",
          })
        : null,
      gone,
    ];
  return [button("Try again", async () => learn(await post(`/jobs/${job.id}/retry`)), "Try again:"), gone];
}

/** What was asked for, as " · Loud · Spotify". */
export function what(job) {
  const { style, target } = job.request ?? {};
  const words = [job.references?.length ? "to a reference" : null, style, target].filter(Boolean);
  return words.length ? ` · ${words.map((word) => sentence(word.replaceAll("-", " "))).join(" · ")}` : "";
}

function sentence(words) {
  return words ? words[0].toUpperCase() + words.slice(1) : "Starting";
}
