// Stems: take a song apart, balance its parts by ear, put them together again.

import { BASE, all, createJob, get, post } from "./api.js";
import { announce, fill, h, say } from "./dom.js";
import { jobs, learn, onJob } from "./events.js";
import { clock, count } from "./format.js";
import { told } from "./intake.js";
import { mixer } from "./mixer.js";
import { archiveOf } from "./takeaway.js";

/** The stems part of a desk; looks for a separation that is there already. */
export function stemsDesk({ about, song, before = () => {} }) {
  const inside = h("div", {}, h("p", { class: "muted", text: "Loading …" }));
  const element = h(
    "section",
    { class: "stems panel", "aria-labelledby": "stems-title" },
    h("h2", { id: "stems-title", text: "Stems" }),
    inside,
  );
  let [shown, close, closed] = [null, () => {}, false];

  const end = onJob((job) => {
    if (job && job.id === shown?.id) update({ ...shown, ...job });
  });

  async function look() {
    const known = jobs().length ? jobs() : await all("/jobs?kind=stems");
    const found = known.filter((job) => job.kind === "stems" && job.songs.includes(song.id));
    const best =
      found.find((job) => job.state === "done") ??
      found.find((job) => ["queued", "running"].includes(job.state));
    if (!closed) update(best ? await get(`/jobs/${best.id}`) : null);
  }

  const fail = (problem) => fill(inside, told(problem));

  function update(job) {
    const before = shown?.state;
    shown = job;
    if (!job || ["failed", "cancelled"].includes(job.state)) return offer(job);
    if (job.state !== "done") return progress(job);
    if (before === "done") return undefined;
    return job.results?.length ? open(job) : void get(`/jobs/${job.id}`).then(open).catch(fail);
  }

  function offer(job) {
    const models = about.stem_models ?? [];
    const model = h(
      "select",
      { id: "stem-model" },
      models.map((one) =>
        h("option", {
          value: one.name,
          text: one.label && one.label !== one.name ? `${one.name} (${one.label})` : one.name,
        }),
      ),
    );
    const start = async (event) => {
      event.target.disabled = true;
      try {
        const made = await createJob({
          kind: "stems",
          song: song.id,
          ...(model.value ? { model: model.value } : {}),
          bit_depth: 24,
        });
        learn(made);
        update(made);
      } catch (problem) {
        event.target.disabled = false;
        fill(inside, told(problem));
      }
    };
    fill(
      inside,
      job?.error ? told(job.error) : null,
      h("p", {
        class: "muted",
        text: `Takes ${song.name} apart into voice, drums, bass and the rest. About ${clock(Math.max(10, song.duration_s * 0.7))} of work on this server; you can go on meanwhile.`,
      }),
      h(
        "div",
        { class: "field-row" },
        models.length > 1 ? [h("label", { for: "stem-model", text: "Model" }), model] : null,
        h("button", { type: "button", text: "Separate", on: { click: start } }),
      ),
    );
  }

  function progress(job) {
    let bar = inside.querySelector("progress");
    if (!bar) {
      bar = h("progress", { max: "1", value: "0", "aria-label": "Separation" });
      const stop = h("button", {
        type: "button",
        class: "quiet",
        text: "Cancel",
        on: { click: () => post(`/jobs/${job.id}/cancel`).then(learn).catch(fail) },
      });
      fill(
        inside,
        h(
          "div",
          { class: "row-progress" },
          h("span", { class: "stage" }),
          bar,
          h("span", { class: "figure" }),
          stop,
        ),
      );
    }
    bar.value = job.share ?? 0;
    say(
      inside.querySelector(".stage"),
      job.state === "queued" ? "Waits for its turn" : job.stage || "Starting",
    );
    say(inside.querySelector(".figure"), `${Math.floor((job.share ?? 0) * 100)} %`);
  }

  function open(job) {
    if (closed) return;
    const parts = job.results.filter((one) => one.role === "stem" && one.media_type.startsWith("audio"));
    announce(`${count(parts.length, "stem")} are there.`);
    const mix = mixer({ job, song, parts, before });
    close = mix.close;
    fill(
      inside,
      mix.element,
      h(
        "p",
        { class: "downloads" },
        parts.map((one) =>
          h("a", {
            class: "button",
            href: `${BASE}/jobs/${job.id}/results/${encodeURIComponent(one.name)}`,
            download: "",
            text: `${title(one)} ↓`,
            "aria-label": `Download the stem ${title(one)}`,
          }),
        ),
        h("a", {
          class: "button",
          href: archiveOf(job, "stem"),
          download: "",
          text: "All stems as one file ↓",
        }),
      ),
    );
  }

  look().catch(fail);
  return { element, close: () => ((closed = true), end(), close()) };
}

/** A stem's name with a capital. */
export const title = (part) => (part.stem ?? part.name)[0].toUpperCase() + (part.stem ?? part.name).slice(1);
