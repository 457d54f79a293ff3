// The desk of one job: listen, adjust, take apart, take away. While the job runs, its progress.

import { get, post } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { learn, onJob } from "./events.js";
import { bare, jobTitle } from "./format.js";
import { progressWave } from "./hero.js";
import { listening } from "./listening.js";
import { gather } from "./material.js";
import { adjusting } from "./adjust.js";
import { chainView } from "./chain.js";
import { stemsDesk } from "./stems.js";
import { takeAway } from "./takeaway.js";
import { told } from "./intake.js";
import { verdict } from "./verdict.js";

/** Shows a job in `main`; returns what ends it. */
export async function showDesk(main, about, { id, song }) {
  const job = await get(`/jobs/${id}`);
  document.title = `${bare(job.label)} – Tonmeister`;
  if (job.state !== "done") return showProgress(main, about, job, song);
  if (job.kind === "stems" || job.kind === "remix") return showParts(main, about, job);
  const material = await gather(job, song);
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
    head(material, job),
    h("div", { class: "desk-main" }, listen.element),
    h("div", { class: "desk-side" }, adjust.element, takeAway({ job, material, about })),
    h("div", { class: "desk-more" }, stems.element, chainView({ job, material, about })),
  );
  fill(main, desk);
  return () => [stems, adjust, listen].forEach((part) => part.close());
}

function head(material, job) {
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
    material.siblings.length > 1 ? songTabs(material, job) : null,
  );
}

function songTabs(material, job) {
  const tab = (song, index) =>
    h("a", {
      href: `#/job/${job.id}/${song.id}`,
      class: "tab",
      "aria-current": song.id === material.song.id ? "page" : null,
      text: `${index + 1} ${bare(song.name)}`,
    });
  return h("nav", { class: "tabs", "aria-label": "Songs of the album" }, material.siblings.map(tab));
}

/** A job that is not done yet, or will not be. */
function showProgress(main, about, job, song) {
  const bar = h("progress", { max: "1", value: "0", "aria-labelledby": "progress-title" });
  const stage = h("p", { class: "stage-line", role: "status" });
  const wave = progressWave();
  const tools = h("p", { class: "tools" });
  let end = () => {};
  const stop = onJob((news) => news?.id === job.id && update({ ...job, ...news }));

  function update(now) {
    if (now.state === "done") {
      stop();
      announce("Done.");
      showDesk(main, about, { id: job.id, song }).then((close) => (end = close));
      return;
    }
    bar.value = now.share ?? 0;
    wave.set(now.share ?? 0);
    bar.hidden = !["queued", "running"].includes(now.state);
    stage.replaceChildren(now.state === "failed" && now.error ? told(now.error) : words(now));
    fill(tools, actions(now));
  }

  function actions(now) {
    const act = (text, path) =>
      h("button", {
        type: "button",
        text,
        on: { click: async () => learn(await post(`/jobs/${job.id}/${path}`)) },
      });
    if (["queued", "running"].includes(now.state)) return act("Cancel", "cancel");
    return [act("Try again", "retry"), " ", h("a", { class: "button", href: "#/", text: "All music" })];
  }

  fill(
    main,
    h(
      "section",
      { class: "narrow waiting" },
      h("p", { class: "crumb" }, h("a", { href: "#/", text: "← All music" })),
      h("h1", { id: "progress-title", text: jobTitle(job) }),
      wave.element,
      bar,
      stage,
      tools,
      h("p", {
        class: "muted",
        text: "You can close this page. The work goes on, and this address shows it again.",
      }),
    ),
  );
  update(job);
  return () => (stop(), end());
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
