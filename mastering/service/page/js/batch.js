// Songs that were started together, each on its own: how far each is, what went wrong, and the way to its desk.

import { post } from "./api.js";
import { announce, fill, h, say } from "./dom.js";
import { jobs, latest, learn, onJob } from "./events.js";
import { bare, jobTitle, sentence } from "./format.js";

const WORDS = { queued: "Waiting", running: "Working", done: "Done", failed: "Failed", cancelled: "Stopped" };

/** Ids of jobs that belong to a batch: lists show the batch instead. */
export const grouped = () => new Set(jobs().flatMap((job) => job.jobs ?? []));

/** "2 of 3 done, 1 failed". */
export function tally({ parts = [] }) {
  const many = (state) => parts.filter((part) => part.state === state).length;
  const words = [`${many("done")} of ${parts.length} done`];
  if (many("failed")) words.push(`${many("failed")} failed`);
  if (many("cancelled")) words.push(`${many("cancelled")} stopped`);
  return words.join(", ");
}

/** The songs of a batch as a list that follows it. */
export class Parts {
  constructor(job) {
    this.element = h("ul", { class: "parts", "aria-label": "Songs" });
    this.rows = new Map();
    this.update(job);
  }

  update(job) {
    for (const part of job.parts ?? []) {
      if (!this.rows.has(part.id)) {
        this.rows.set(part.id, { element: h("li", {}), state: null });
        this.element.append(this.rows.get(part.id).element);
      }
      const row = this.rows.get(part.id);
      if (row.state === part.state) continue;
      const held = row.element.contains(document.activeElement);
      row.state = row.element.dataset.state = part.state;
      fill(row.element, this.line(job, part, row));
      if (held) (row.element.querySelector("a, button") ?? this.element.closest("[tabindex]"))?.focus();
    }
  }

  line(job, part, row) {
    const retry = async () => {
      try {
        learn(await post(`/jobs/${part.id}/retry`));
        announce(`${bare(part.label)} is tried again.`);
      } catch (problem) {
        say(row.told, `${problem.message} ${problem.hint}`);
      }
    };
    row.told = h(
      "span",
      { class: "part-state" },
      h("b", { text: WORDS[part.state] }),
      part.error ? h("small", { text: sentence(part.error.message, part.label) }) : null,
      part.error?.hint ? h("small", { text: sentence(part.error.hint) }) : null,
    );
    const name = bare(part.label);
    return [
      part.state === "done"
        ? h("a", { href: `#/job/${job.id}/${part.song}`, text: name })
        : h("span", { text: name }),
      row.told,
      ["failed", "cancelled"].includes(part.state)
        ? h("button", {
            type: "button",
            text: "Try again",
            "aria-label": `Try again: ${name}`,
            on: { click: retry },
          })
        : null,
    ];
  }
}

/** A batch as a view of its own while it goes on, or where something failed; `onDone` once all is done. */
export function showBatch(main, job, onDone) {
  const bar = h("progress", { max: "1", value: "0", "aria-labelledby": "batch-title" });
  const line = h("p", { class: "stage-line", role: "status" });
  const parts = new Parts(job);
  const tools = h("p", { class: "tools" });
  const calm = h("p", {
    class: "muted",
    text: "Each song opens as soon as it is done. You can close this page; the work goes on.",
  });
  const stop = onJob((news) => news?.id === job.id && update({ ...job, ...news }));
  let state = null;

  function update(now) {
    parts.update(now);
    bar.value = now.share ?? 0;
    bar.hidden = calm.hidden = !["queued", "running"].includes(now.state);
    say(line, tally(now));
    if (state === now.state) return;
    const before = state;
    state = now.state;
    fill(tools, actions(now));
    if (!before || ["queued", "running"].includes(state)) return;
    if (state === "done") onDone();
  }

  function actions(now) {
    const act = (text, path) =>
      h("button", {
        type: "button",
        text,
        on: {
          click: async () => {
            try {
              learn(await post(`/jobs/${job.id}/${path}`));
            } catch (problem) {
              say(line, `${problem.message} ${problem.hint}`);
            }
          },
        },
      });
    if (["queued", "running"].includes(now.state)) return act("Cancel all that is left", "cancel");
    return act("Try the rest again", "retry");
  }

  fill(
    main,
    h(
      "section",
      { class: "narrow waiting batch" },
      h("p", { class: "crumb" }, h("a", { href: "#/", text: "← All music" })),
      h("h1", { id: "batch-title", text: jobTitle(job) }),
      line,
      bar,
      parts.element,
      tools,
      calm,
    ),
  );
  update(job);
  return stop;
}

/** The songs of a desk as tabs: those of an album, or of a batch with what is not done yet. */
export function songTabs({ job, songs, current }) {
  const tab = ({ song, label, state }, index) => {
    const word = h("small", {});
    const link = h(
      "a",
      {
        href: `#/job/${job.id}/${song}`,
        class: "tab",
        "aria-current": song === current ? "page" : null,
      },
      h("span", { text: `${index + 1} ${bare(label)}` }),
      word,
    );
    return {
      song,
      link,
      set: (now) => say(word, now === "done" ? "" : ` ${WORDS[now].toLowerCase()}`),
      state,
    };
  };
  const tabs = songs.map(tab);
  const update = (now) => {
    for (const part of now.parts ?? []) tabs.find((one) => one.song === part.song)?.set(part.state);
  };
  const end = onJob((news) => news?.id === job.id && update(news));
  for (const one of tabs) one.set(one.state);
  update(latest(job));
  requestAnimationFrame(() => {
    const { link } = tabs.find((one) => one.song === current) ?? tabs[0];
    element.scrollLeft = link.offsetLeft - element.offsetLeft - (element.clientWidth - link.offsetWidth) / 2;
  });
  const element = h(
    "nav",
    { class: "tabs", "aria-label": job.kind === "album" ? "Songs of the album" : "Songs" },
    tabs.map((one) => one.link),
  );
  return { element, close: end };
}

/** Tabs over the songs of an album or a batch; null where there is one song. */
export function songsOf({ material, job, batch = null }) {
  if (batch) return songTabs({ job: batch, songs: batch.parts, current: job.song });
  if (material.siblings.length < 2) return null;
  const songs = material.siblings.map(({ id, name }) => ({ song: id, label: name, state: "done" }));
  return songTabs({ job, songs, current: material.song.id });
}
