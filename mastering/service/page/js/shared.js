// What a shared link shows: listen and take away, nothing to change.

import { get } from "./api.js";
import { songsOf } from "./batch.js";
import { fill, h } from "./dom.js";
import { bare, jobTitle } from "./format.js";
import { listening } from "./listening.js";
import { gather } from "./material.js";
import { takeAway } from "./takeaway.js";
import { verdict } from "./verdict.js";

/** Shows the job of the link in `main`, of an album one song; returns what ends it. */
export async function showShared(main, about, song) {
  const job = await get(`/jobs/${about.job}`);
  document.title = `${jobTitle(job)} – Tonmeister`;
  const material = await gather(job, song);
  const listen = listening(material);
  const tabs = songsOf({ material, job });
  fill(
    main,
    h(
      "div",
      { class: "desk" },
      h(
        "header",
        { class: "desk-head" },
        h("p", { class: "crumb muted", text: "Shared with you, to listen and to download" }),
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
      ),
      h("div", { class: "desk-main" }, listen.element),
      h("div", { class: "desk-side" }, takeAway({ job, material, about: { ...about, role: "shared" } })),
    ),
  );
  return () => [listen, tabs].forEach((part) => part?.close());
}
