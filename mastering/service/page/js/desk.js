// The desk of one job: listen, adjust, take apart, take away. While the job runs, its progress.

import { Problem, TOKEN, get, post } from "./api.js";
import { showBatch, songTabs, songsOf } from "./batch.js";
import { arrive, fill, h } from "./dom.js";
import { learn, onJob } from "./events.js";
import { bare, jobTitle } from "./format.js";
import { progressWave } from "./hero.js";
import { listening } from "./listening.js";
import { gather } from "./material.js";
import { adjusting } from "./adjust.js";
import { chainView } from "./chain.js";
import { presets } from "./presets.js";
import { stemsDesk } from "./stems.js";
import { takeAway } from "./takeaway.js";
import { told } from "./intake.js";
import { verdict } from "./verdict.js";

const AGAIN_MS = 2000;

/** Shows a job in `main`; `song` picks one of an album or a batch. Returns what ends it. */
export async function showDesk(main, about, { id, song }) {
  const asked = await get(`/jobs/${id}`);
  const batch = asked.kind === "batch" ? asked : null;
  document.title = `${jobTitle(asked)} – Tonmeister`;
  if (batch && !song && batch.state !== "done")
    return showBatch(main, batch, () => (location.hash = `#/job/${id}/${batch.songs[0]}`));
  const job = batch ? await jobOf(batch, song ?? batch.songs[0]) : asked;
  if (job.state !== "done") return showProgress(main, about, { job, batch, song });
  if (job.kind === "stems" || job.kind === "remix") return showParts(main, about, job);
  const named = TOKEN ? null : presets().catch(() => {}); // styles and targets go by their titles
  const [material] = await Promise.all([gather(job, song), named]);
  const tabs = songsOf({ material, job, batch });
  const desk = h("div", { class: "desk" });
  const listen = listening(material);
  const adjust = adjusting({
    material,
    player: listen.player,
    about,
    onVersion: (title) => listen.rename("master", title),
    onLoudness: listen.setMasterLoudness,
  });
  const stems = stemsDesk({ about, song: material.song, before: () => listen.player.pause() });
  fill(
    desk,
    head(material, job, tabs),
    h("div", { class: "desk-main" }, listen.element),
    h("div", { class: "desk-side" }, adjust.element, takeAway({ job, batch, material, about })),
    h("div", { class: "desk-more" }, stems.element, chainView({ about, adjust })),
  );
  fill(main, desk);
  return () => [stems, adjust, listen, tabs].forEach((part) => part?.close());
}

/** The job of one song of a batch. */
function jobOf(batch, song) {
  const part = batch.parts.find((one) => one.song === song);
  if (part) return get(`/jobs/${part.id}`);
  throw new Problem({
    detail: "This song is not one of these.",
    hint: "Open the songs from the list of all music.",
  });
}

function head(material, job, tabs) {
  return h(
    "header",
    { class: "desk-head" },
    h("p", { class: "crumb" }, h("a", { href: "#/", text: "← All music" })),
    h(
      "div",
      { class: "title-row" },
      h("h1", { text: bare(material.song.name) }),
      h("a", {
        class: "button primary",
        href: material.master.download,
        download: "",
        text: "Download master",
      }),
    ),
    verdict(material, job),
    tabs?.element,
  );
}

/** A job that is not done yet, or will not be. */
function showProgress(main, about, { job, batch, song }) {
  const bar = h("progress", { max: "1", value: "0", "aria-labelledby": "progress-title" });
  const stage = h("p", { class: "stage-line", role: "status" });
  const wave = progressWave();
  const tools = h("p", { class: "tools" });
  const calm = h("p", {
    class: "muted",
    text: "You can close this page. The work goes on, and this address shows it again.",
  });
  const tabs = batch ? songTabs({ job: batch, songs: batch.parts, current: job.song }) : null;
  let state = null;
  let [end, left] = [() => {}, false];
  const stop = onJob((news) => news?.id === job.id && update({ ...job, ...news }));

  function update(now) {
    if (now.state === "done") {
      stop();
      return void openDesk();
    }
    bar.value = now.share ?? 0;
    wave.set(now.share ?? 0);
    bar.hidden = calm.hidden = !["queued", "running"].includes(now.state);
    wave.element.toggleAttribute("hidden", bar.hidden);
    stage.replaceChildren(now.state === "failed" && now.error ? told(now.error, job.label) : words(now));
    if (state === now.state) return;
    state = now.state;
    fill(tools, actions(now));
  }

  async function openDesk() {
    try {
      const close = await showDesk(main, about, { id: (batch ?? job).id, song });
      if (left) return close();
      end = close;
      arrive(main);
    } catch (problem) {
      if (left) return;
      stage.replaceChildren(told(problem));
      if (problem.code === "offline") setTimeout(() => left || openDesk(), AGAIN_MS);
    }
  }

  function actions(now) {
    const act = (text, path) =>
      h("button", {
        type: "button",
        text,
        on: {
          click: () =>
            post(`/jobs/${job.id}/${path}`)
              .then(learn)
              .catch((problem) => stage.replaceChildren(told(problem))),
        },
      });
    if (["queued", "running"].includes(now.state)) return act("Cancel", "cancel");
    return act("Try again", "retry");
  }

  fill(
    main,
    h(
      "section",
      { class: "narrow waiting" },
      h("p", { class: "crumb" }, h("a", { href: "#/", text: "← All music" })),
      h("h1", { id: "progress-title", text: jobTitle(job) }),
      tabs?.element,
      wave.element,
      bar,
      stage,
      tools,
      calm,
    ),
  );
  update(job);
  return () => ((left = true), stop(), tabs?.close(), end());
}

function words(job) {
  if (job.state === "queued") return "Waits for its turn.";
  if (job.state === "cancelled") return "Stopped. Nothing was written.";
  if (job.state === "failed") return "It did not work.";
  return `${job.stage ? job.stage[0].toUpperCase() + job.stage.slice(1) : "Starting"} · ${Math.floor((job.share ?? 0) * 100)} %`;
}

async function showParts(main, about, job) {
  const song = await get(`/songs/${job.songs[0]}`);
  const stems = stemsDesk({ about, song, open: true });
  fill(
    main,
    h(
      "div",
      { class: "desk single" },
      h(
        "header",
        { class: "desk-head" },
        h("p", { class: "crumb" }, h("a", { href: "#/", text: "← All music" })),
        h("h1", { text: bare(song.name) }),
      ),
      h("div", { class: "desk-main" }, stems.element),
      h("div", { class: "desk-side" }, takeAway({ job, material: null, about })),
    ),
  );
  return () => stems.close();
}
