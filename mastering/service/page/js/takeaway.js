// Take away: the files of a job, the master in other formats, and a link to show it.

import { BASE, createJob, get, post, remove } from "./api.js";
import { announce, fill, h, say } from "./dom.js";
import { learn, onJob } from "./events.js";
import { size } from "./format.js";
import { recipeOf } from "./material.js";

const LABELS = {
  wav: "WAV",
  flac: "FLAC",
  aiff: "AIFF",
  mp3: "MP3",
  ogg: "Ogg Vorbis",
  opus: "Opus",
  m4a: "M4A (AAC)",
};

/**
 * The last part of a desk; `material` is null for stems and remixes, `batch` is what the job belongs to, and
 * `about.role` "shared" leaves out what changes.
 */
export function takeAway({ job, batch = null, material, about }) {
  const mine = (one) => !material || job.songs.length === 1 || !one.song || one.song === material.song.id;
  const files = job.results.filter(mine);
  const readOnly = about.role === "shared";
  return h(
    "section",
    { class: "take panel", "aria-labelledby": "take-title" },
    h("h2", { id: "take-title", text: "Take away" }),
    h(
      "ul",
      { class: "files" },
      files.map((one) => fileRow(job, one)),
    ),
    together(batch ?? job),
    material && !readOnly ? formats({ job, material, about }) : null,
    readOnly || !material ? null : sharing(job),
  );
}

/** Where all files of a job are one; `role` takes only those. */
export const archiveOf = (job, role = null) =>
  `${BASE}/jobs/${job.id}/archive.zip${role ? `?role=${role}` : ""}`;

/** All files as one, where there are several songs or stems. */
function together(job) {
  const sounds = job.results.filter((one) => ["master", "stem", "mix"].includes(one.role));
  if (sounds.length < 2) return null;
  const link = (files, role, text) =>
    h("a", {
      class: "button",
      href: archiveOf(job, role),
      download: "",
      text: `${text} (${size(files.reduce((sum, one) => sum + one.size_bytes, 0))})`,
    });
  const masters = sounds.every((one) => one.role === "master");
  return h(
    "div",
    { class: "together" },
    h("h3", { text: masters ? `All ${sounds.length} songs` : `All ${sounds.length} stems` }),
    h(
      "p",
      { class: "downloads" },
      link(job.results, null, "Everything as one file"),
      masters ? link(sounds, "master", "Only the masters") : null,
    ),
  );
}

function fileRow(job, one) {
  const address = `${BASE}/jobs/${job.id}/results/${encodeURIComponent(one.name)}`;
  const title =
    { master: "Master", report: "Report", recipe: "Recipe", stem: "Stem", mix: "Remix" }[one.role] ??
    one.name;
  const kind = one.name.split(".").pop().toUpperCase();
  return h(
    "li",
    {},
    h(
      "span",
      {},
      h("b", { text: one.stem ? `${title}: ${one.stem}` : title }),
      h("small", { class: "muted", text: ` ${kind} · ${size(one.size_bytes)}` }),
    ),
    h(
      "span",
      { class: "tools" },
      one.role === "report"
        ? h("a", {
            class: "button quiet",
            href: `${address}?inline=1`,
            target: "_blank",
            rel: "noopener",
            text: "Open",
            "aria-label": "Open the report in a new tab",
          })
        : null,
      h("a", {
        class: "button",
        href: address,
        download: "",
        "aria-label": `Download ${title} ${one.stem ?? ""}`.trim(),
        text: "Download",
      }),
    ),
  );
}

/** The same master, written in another format: the same recipe, another delivery. */
function formats({ job, material, about }) {
  const container = h(
    "select",
    { id: "container", on: { change: () => depths() } },
    about.formats.map((one) =>
      h("option", { value: one.container, text: LABELS[one.container] ?? one.container }),
    ),
  );
  const depth = h("select", { id: "bit-depth" });
  const told = h("p", { class: "preview-status", role: "status" });
  let waiting = null;

  function depths() {
    const { bit_depths } = about.formats.find((one) => one.container === container.value);
    fill(
      depth,
      bit_depths.map((bits) =>
        h("option", {
          value: String(bits),
          selected: bits === 24,
          text: bits === 32 ? "32 bit float" : `${bits} bit`,
        }),
      ),
    );
    depth.disabled = bit_depths.length < 2;
  }

  async function make(event) {
    event.preventDefault();
    try {
      const recipe = await recipeOf(material);
      const delivery = {
        container: container.value,
        ...(depth.value ? { bit_depth: Number(depth.value) } : {}),
      };
      waiting = await createJob({ kind: "apply", song: material.song.id, recipe, delivery });
      learn(waiting);
      if (waiting.state === "done") await finished(waiting);
      else say(told, `Writing ${LABELS[container.value]} …`);
    } catch (problem) {
      fail(problem);
    }
  }

  const fail = (problem) => say(told, `${problem.message} ${problem.hint ?? ""}`);

  async function finished(news) {
    const { results } = news.results?.length ? news : await get(`/jobs/${news.id}`);
    const file = results.find((one) => one.role === "master");
    const link = h("a", {
      href: `${BASE}/jobs/${news.id}/results/${encodeURIComponent(file.name)}`,
      download: "",
      text: `Download ${LABELS[container.value] ?? ""} (${size(file.size_bytes)})`,
    });
    told.replaceChildren(link);
    announce("The file is there.");
    link.click();
  }

  onJob((news) => {
    if (!news || news.id !== waiting?.id || !told.isConnected) return;
    if (news.state === "done" && waiting.state !== "done") finished((waiting = news)).catch(fail);
    if (news.state === "failed") say(told, news.error.message);
  });
  depths();
  return h(
    "form",
    { class: "formats", on: { submit: make } },
    h("h3", { text: "Another format" }),
    h(
      "div",
      { class: "field-row" },
      h("label", { for: "container", class: "unseen", text: "Format" }),
      container,
      h("label", { for: "bit-depth", class: "unseen", text: "Bit depth" }),
      depth,
      h("button", { type: "submit", text: "Make it" }),
    ),
    told,
  );
}

function sharing(job) {
  const told = h("div", { role: "status" });
  const begin = h("button", { type: "button", text: "Make a link", on: { click: () => make() } });
  const make = async () => {
    try {
      show(await post("/shares", { job: job.id }));
    } catch (problem) {
      say(told, `${problem.message} ${problem.hint ?? ""}`);
    }
  };

  function show({ url, expires_at }) {
    const address = new URL(url, location.origin).href;
    const field = h("input", {
      type: "text",
      readonly: true,
      value: address,
      "aria-label": "Link to share",
      on: { focus: () => field.select() },
    });
    const copy = h("button", { type: "button", text: "Copy", on: { click: () => put(address, field) } });
    const end = h("button", {
      type: "button",
      class: "quiet",
      text: "End the link",
      on: {
        click: () =>
          remove(`/shares/${url.split("/").pop()}`).then(
            () => (say(told, "The link has ended."), begin.focus()),
            (problem) => say(told, `${problem.message} ${problem.hint ?? ""}`),
          ),
      },
    });
    fill(
      told,
      h("div", { class: "field-row" }, field, copy, end),
      h("p", {
        class: "muted small",
        text: expires_at
          ? `Anyone with this link can listen and download until ${new Date(expires_at).toLocaleDateString()}.`
          : "Anyone with this link can listen and download.",
      }),
    );
  }

  return h(
    "div",
    { class: "sharing" },
    h("h3", { text: "Show it to somebody" }),
    h("p", { class: "muted", text: "A link to listen and download, nothing else." }),
    begin,
    told,
  );
}

async function put(text, field) {
  field.select();
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    document.execCommand("copy");
  }
  announce("Copied.");
}
