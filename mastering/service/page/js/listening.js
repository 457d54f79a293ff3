// Listening: what sounds, where, and what it measures. Original, master and reference under one playhead.

import { announce, h, say } from "./dom.js";
import { clock, measure, spoken } from "./format.js";
import { onKeys } from "./keys.js";
import { Meters } from "./meters.js";
import { meterBridge } from "./bridge.js";
import { FilePieces } from "./pieces.js";
import { Player } from "./player.js";
import { spectrumView } from "./spectrum.js";
import { timeline } from "./timeline.js";
import { recall, remember } from "./store.js";

/** The listening part of a desk over its material. */
export function listening(material) {
  const { sources, rate_hz, duration_s } = material;
  const player = new Player({ duration_s, rate_hz });
  const meters = new Meters(player);
  const loudness = Object.fromEntries(
    sources.map((one) => [one.name, one.analysis?.integrated_lufs ?? null]),
  );
  for (const one of sources)
    player.add(one.name, new FilePieces(one.listen, rate_hz, { repeat: one.name === "reference" }));
  let matched = recall("matched", true);

  const switcher = switches(sources, (name) => pick(name));
  const match = h("button", {
    type: "button",
    class: "toggle",
    "aria-pressed": String(matched),
    text: "Matched loudness",
    title: "All at the level of the quietest, so that louder is not taken for better",
    on: { click: () => setMatched(!matched) },
  });
  const lanes = timeline({ material, player });
  const bridge = meterBridge({ meters, player, offset_db: () => offset_db() });
  const spectrum = spectrumView(sources);
  const transport = transportBar(player);
  const told = h("p", { class: "missed", role: "alert" });

  function levels() {
    const known = Object.values(loudness).filter(Number.isFinite);
    const quietest = Math.min(...known);
    return Object.fromEntries(
      sources.map(({ name }) => [
        name,
        matched && Number.isFinite(loudness[name]) ? 10 ** ((quietest - loudness[name]) / 20) : 1,
      ]),
    );
  }

  const active = () => [...player.selected][0];
  const offset_db = () => -20 * Math.log10(player.tracks.get(active()).level);

  function pick(name) {
    const one = sources.find((source) => source.name === name);
    if (!one) return announce("There is no reference in this job.");
    player.select(name);
    switcher.mark(name);
    lanes.show(name);
    remember("heard", name);
    announce(one.title);
  }

  function setMatched(to) {
    matched = to;
    remember("matched", to);
    match.setAttribute("aria-pressed", String(to));
    player.setLevels(levels());
    announce(to ? "Loudness matched" : "Each at its own loudness");
  }

  /** What the master is now expected to measure, while it is adjusted. */
  function setMasterLoudness(lufs) {
    loudness.master = lufs ?? material.master.analysis?.integrated_lufs ?? null;
    player.setLevels(levels());
    switcher.loudness("master", loudness.master);
  }

  const endKeys = onKeys({
    1: () => pick("original"),
    2: () => pick("master"),
    3: () => pick("reference"),
    " ": () => player.toggle(),
    m: () => setMatched(!matched),
    l: () => loop(player, announce),
    "[": () => edge(player, "from_s"),
    "]": () => edge(player, "to_s"),
    ...lanes.keys,
    Home: () => player.seek(0),
    ArrowLeft: (event) => player.seek(player.position_s - (event.shiftKey ? 1 : 5)),
    ArrowRight: (event) => player.seek(player.position_s + (event.shiftKey ? 1 : 5)),
  });
  const endFrames = frames(() => {
    transport.update();
    lanes.update();
    bridge.update();
  });
  player.addEventListener("problem", ({ detail }) => say(told, `${detail.message} ${detail.hint ?? ""}`));
  player.addEventListener("state", () => player.playing && say(told, ""));

  player.setLevels(levels());
  pick(sources.some((one) => one.name === recall("heard")) ? recall("heard") : "master");
  for (const { name } of sources) switcher.loudness(name, loudness[name]);

  const element = h(
    "section",
    { class: "listen panel", "aria-label": "Listen" },
    h(
      "div",
      { class: "deck-row" },
      h("div", { class: "deck" }, transport.play, switcher.element),
      h("div", { class: "deck-more" }, transport.note, match, transport.loop, transport.times),
    ),
    told,
    lanes.element,
    h("div", { class: "views" }, spectrum.element, bridge.element),
  );
  return {
    element,
    player,
    setMasterLoudness,
    rename: switcher.rename,
    close: () => (endKeys(), endFrames(), lanes.close(), spectrum.close(), player.close()),
  };
}

function switches(sources, onPick) {
  const parts = sources.map(({ name, title }, index) => {
    const words = h("span", { text: title });
    const level = h("small", { class: "figure" });
    const button = h(
      "button",
      {
        type: "button",
        "aria-pressed": "false",
        "aria-keyshortcuts": String(index + 1),
        "data-source": name,
        on: { click: () => onPick(name) },
      },
      h("kbd", { "aria-hidden": "true", text: String(index + 1) }),
      words,
      level,
    );
    return [name, { button, words, level }];
  });
  const all = new Map(parts);
  return {
    element: h(
      "div",
      { class: "switcher", role: "group", "aria-label": "What you hear" },
      parts.map(([, { button }]) => button),
    ),
    mark: (name) =>
      all.forEach(({ button }, key) => button.setAttribute("aria-pressed", String(key === name))),
    loudness: (name, lufs) => say(all.get(name).level, measure(lufs, "LUFS")),
    rename: (name, title) => say(all.get(name).words, title),
  };
}

function transportBar(player) {
  const play = h(
    "button",
    { type: "button", class: "play", "aria-label": "Play", on: { click: () => player.toggle() } },
    h("span", { class: "play-sign", "aria-hidden": "true" }),
  );
  const loopButton = h("button", {
    type: "button",
    class: "toggle",
    "aria-pressed": "false",
    "aria-keyshortcuts": "L",
    text: "Loop",
    on: { click: () => loop(player, announce) },
  });
  const here = h("span", { class: "time figure", text: "0:00.0" });
  const note = h("span", { class: "muted small" });
  player.addEventListener("state", () => {
    play.setAttribute("aria-label", player.playing ? "Pause" : "Play");
    play.dataset.state = player.playing ? "playing" : "paused";
    say(note, player.waiting ? "Loading …" : "");
  });
  player.addEventListener("loop", () => {
    loopButton.setAttribute("aria-pressed", String(Boolean(player.loop)));
    say(loopButton, player.loop ? `Loop ${clock(player.loop.from_s)}–${clock(player.loop.to_s)}` : "Loop");
  });
  return {
    play,
    times: h(
      "span",
      { class: "times" },
      here,
      h("small", { class: "figure", text: clock(player.duration_s) }),
    ),
    loop: loopButton,
    note,
    update: () => say(here, clock(player.position_s, { tenths: true })),
  };
}

/** Loop on and off: eight seconds from here where none was drawn. */
function loop(player, tell) {
  if (player.loop) {
    player.setLoop(null);
    return tell("Loop off");
  }
  const from_s = Math.min(player.position_s, Math.max(0, player.duration_s - 1));
  player.setLoop({ from_s, to_s: Math.min(from_s + 8, player.duration_s) });
  return tell(`Loop from ${spoken(from_s)}`);
}

function edge(player, which) {
  const here = player.position_s;
  const now = player.loop ?? { from_s: 0, to_s: player.duration_s };
  const next = { ...now, [which]: here };
  if (next.to_s > next.from_s) player.setLoop(next);
}

/** Calls `draw` for each frame of the screen; four times a second where motion is unwanted. */
function frames(draw) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  let request = 0;
  let last = 0;
  const step = (now) => {
    request = requestAnimationFrame(step);
    if (calm && now - last < 250) return;
    last = now;
    draw();
  };
  request = requestAnimationFrame(step);
  return () => cancelAnimationFrame(request);
}
