// The first view: drop, choose, start; and the work that goes on.

import { createJob } from "./api.js";
import { announce, fill, h } from "./dom.js";
import { chooser, takeFiles } from "./dropping.js";
import { jobs, learn } from "./events.js";
import { heroWave } from "./hero.js";
import { choices } from "./choices.js";
import { Intake } from "./intake.js";
import { presets } from "./presets.js";
import { queue } from "./queue.js";
import { recall, remember } from "./store.js";

/** Shows the view in `main`; returns what ends it. */
export async function showHome(main, about) {
  document.title = "Tonmeister";
  const [styles, targets] = await presets();
  const setup = {
    songs: [],
    references: [],
    style: null,
    target: null,
    album: true,
    stems: false,
    ...recall("setup"),
  };
  const keep = () => remember("setup", setup);
  const intake = new Intake({ setup, about, onChange: () => (keep(), render()) });
  const work = queue();
  const parts = { head: h("div", { class: "your-songs" }), setup: h("div"), go: h("div", { class: "go" }) };
  const picks = choices({ setup, styles, targets, intake, onChange: () => (keep(), renderGo()) });

  function render() {
    fill(parts.head, heading(intake, about), intake.rows("songs"), albumQuestion());
    parts.setup.hidden = parts.go.hidden = !intake.any("songs");
    picks.render();
    renderGo();
  }

  function renderGo() {
    fill(parts.go, startButton());
  }

  function albumQuestion() {
    if (intake.ready("songs").length < 2) return null;
    const option = (album, title, sentence) =>
      h(
        "label",
        { class: "choice" },
        h("input", {
          type: "radio",
          name: "album",
          value: album ? "album" : "each",
          checked: setup.album === album,
          on: { change: () => choose(album) },
        }),
        h("span", {}, h("b", { text: title }), h("small", { text: sentence })),
      );
    return h(
      "fieldset",
      { class: "plain pair" },
      h("legend", { text: "Several songs" }),
      option(
        true,
        "One album",
        "One decision for all. A quiet song stays quieter than a loud one, as you mixed them.",
      ),
      option(
        false,
        "Each on its own",
        "A decision for every song, each at full level. For singles, or songs of different records.",
      ),
    );
  }

  function choose(album) {
    setup.album = album;
    keep();
    render();
  }

  function startButton() {
    const songs = intake.ready("songs");
    const waiting = intake.waiting();
    const text = !songs.length
      ? "Master"
      : setup.album && songs.length > 1
        ? `Master the album of ${songs.length}`
        : songs.length > 1
          ? `Master ${songs.length} songs, each on its own`
          : "Master 1 song";
    return h(
      "div",
      { class: "go-row" },
      h("button", {
        class: "primary big",
        type: "button",
        disabled: !songs.length || waiting,
        text,
        on: { click: start },
      }),
      h("p", { class: "muted", text: waiting ? "Starts when the uploads are done." : picks.sentence() }),
    );
  }

  async function start(event) {
    event.target.disabled = true;
    try {
      const started = await createJob(wish(setup, intake.ready("songs")));
      learn(started);
      intake.clear("songs");
      announce("Started.");
      location.hash = `#/job/${started.id}`;
    } catch (problem) {
      intake.tell(problem);
    }
  }

  takeFiles((files, tile) => intake.take(files, tile));
  fill(
    main,
    h(
      "div",
      { class: "home" },
      h("section", { class: "intake", "aria-label": "Your music" }, parts.head, parts.setup, parts.go),
      work.element,
    ),
  );
  fill(parts.setup, picks.element);
  await intake.restore();
  render();
  return () => {
    takeFiles(null);
    work.close();
  };
}

function heading(intake, about) {
  const [button, input] = chooser(intake.any("songs") ? "Add songs" : "Choose files", {
    multiple: true,
    onChoose: (files) => intake.take(files, "songs"),
  });
  if (intake.any("songs"))
    return h(
      "div",
      { class: "title-row" },
      h("h1", { text: intake.count("songs") > 1 ? "Your songs" : "Your song" }),
      button,
      input,
    );
  button.className = "primary big";
  return h(
    "div",
    { class: jobs().length ? "hero small-hero" : "hero", "data-drop": "songs" },
    h("h1", {}, "Drop a mix. ", h("br"), "Take a master."),
    heroWave(),
    h("p", {
      class: "lead",
      text: "Drop one song anywhere on this page, or several: as an album, or each on its own. You hear original and master side by side, change what you like, and take the files along.",
    }),
    h("p", {}, button, input),
    h("p", {
      class: "muted small",
      text: `WAV, FLAC, AIFF, MP3, M4A, Ogg and Opus, up to ${Math.round(about.max_duration_s / 60)} minutes. Your files stay on this server.`,
    }),
  );
}

/** The job to ask for: a master, an album with one decision, or a batch with one for each song. */
export function wish(setup, songs) {
  const several = songs.length > 1;
  const album = several && setup.album;
  const how = {
    references: setup.references,
    style: setup.style,
    target: setup.target,
    options: setup.stems && setup.references.length && !album ? { stems: {} } : {},
  };
  if (!several) return { kind: "master", song: songs[0].id, ...how };
  return { kind: album ? "album" : "batch", songs: songs.map((song) => song.id), ...how };
}
