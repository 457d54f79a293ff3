// The stem mixer: solo, mute, gain and pan, live in the browser, by the same law as the rendered remix.

import { createJob, get } from "./api.js";
import { announce, h, say } from "./dom.js";
import { learn, onJob } from "./events.js";
import { clock, number } from "./format.js";
import { FilePieces } from "./pieces.js";
import { Player } from "./player.js";
import { title } from "./stems.js";

/** A mixer over the stems of one separation. */
export function mixer({ job, song, parts, before }) {
  const state = Object.fromEntries(
    parts.map((part) => [part.stem, { gain_db: 0, pan: 0, mute: false, solo: false }]),
  );
  const told = h("p", { class: "preview-status", role: "status" });
  const play = h(
    "button",
    {
      type: "button",
      class: "play small-play",
      "aria-label": "Play the stems",
      on: { click: () => toggle() },
    },
    h("span", { class: "play-sign", "aria-hidden": "true" }),
  );
  const time = h("span", { class: "figure", text: clock(0) });
  const save = h("button", { type: "button", text: "Render this remix", on: { click: () => render() } });
  let [player, pans, timer, waiting] = [null, {}, 0, null];

  function wake() {
    if (player) return;
    player = new Player({ duration_s: song.duration_s, rate_hz: song.sample_rate_hz });
    for (const part of parts) {
      pans[part.stem] = balance(player.context, player.bus);
      player.add(
        part.stem,
        new FilePieces(
          `/jobs/${job.id}/results/${encodeURIComponent(part.name)}/listen`,
          song.sample_rate_hz,
        ),
        pans[part.stem].input,
      );
    }
    player.addEventListener("state", () => {
      play.dataset.state = player.playing ? "playing" : "paused";
      play.setAttribute("aria-label", player.playing ? "Pause the stems" : "Play the stems");
    });
    player.addEventListener("problem", ({ detail }) => say(told, detail.message));
    timer = setInterval(() => say(time, clock(player.position_s)), 250);
  }

  function toggle() {
    wake();
    if (!player.playing) before();
    apply();
    player.toggle();
  }

  function apply() {
    if (!player) return;
    const soloed = Object.values(state).some((one) => one.solo);
    const heard = Object.keys(state).filter((name) => !state[name].mute && (!soloed || state[name].solo));
    player.setLevels(
      Object.fromEntries(Object.entries(state).map(([name, one]) => [name, 10 ** (one.gain_db / 20)])),
    );
    player.select(heard);
    for (const [name, { pan }] of Object.entries(state)) pans[name].set(pan);
  }

  async function render() {
    save.disabled = true;
    try {
      waiting = await createJob({
        kind: "remix",
        song: song.id,
        ...(job.request?.model ? { model: job.request.model } : {}),
        stems: state,
        container: "wav",
        bit_depth: 24,
      });
      learn(waiting);
      say(told, "Rendering the remix …");
      if (waiting.state === "done") await finished(waiting);
    } catch (problem) {
      fail(problem);
    }
    save.disabled = false;
  }

  const fail = (problem) => say(told, `${problem.message} ${problem.hint ?? ""}`);

  const end = onJob(
    (news) =>
      news && news.id === waiting?.id && news.state !== waiting.state && finished(news).catch(fail),
  );

  async function finished(news) {
    waiting = news;
    if (news.state === "failed") return say(told, news.error.message);
    if (news.state !== "done") return undefined;
    const { results } = news.results?.length ? news : await get(`/jobs/${news.id}`);
    const mix = results.find((one) => one.role === "mix");
    told.replaceChildren(
      "The remix is there. ",
      h("a", { href: mix.url, download: "", text: "Download the remix" }),
    );
    announce("The remix is there.");
    return undefined;
  }

  return {
    element: h(
      "div",
      { class: "mixer" },
      h(
        "div",
        { class: "strips" },
        parts.map((part) => strip(part, state[part.stem], apply)),
      ),
      h("div", { class: "mixer-bar" }, play, time, save),
      told,
    ),
    close: () => (end(), clearInterval(timer), player?.close()),
  };
}

function strip(part, one, apply) {
  const name = title(part);
  const press = (key, text, label) => {
    const button = h("button", {
      type: "button",
      class: "toggle",
      "aria-pressed": "false",
      "aria-label": `${label} ${name}`,
      text,
      on: {
        click: () => ((one[key] = !one[key]), button.setAttribute("aria-pressed", String(one[key])), apply()),
      },
    });
    return button;
  };
  const slide = (key, label, low, high, step, words) => {
    const value = h("span", { class: "figure", text: words(one[key]) });
    const input = h("input", {
      type: "range",
      min: String(low),
      max: String(high),
      step: String(step),
      value: "0",
      "aria-label": `${label} of ${name}`,
      "aria-valuetext": words(0),
      on: { input: () => move(Number(input.value)), dblclick: () => ((input.value = "0"), move(0)) },
    });
    const move = (to) => {
      one[key] = to;
      say(value, words(to));
      input.setAttribute("aria-valuetext", words(to));
      input.style.setProperty("--share", String((to - low) / (high - low)));
      apply();
    };
    input.style.setProperty("--from", String(-low / (high - low)));
    input.style.setProperty("--share", String(-low / (high - low)));
    return h("label", { class: "slide" }, h("small", { text: label }), input, value);
  };
  return h(
    "div",
    { class: "strip", role: "group", "aria-label": name },
    h("h3", { text: name }),
    h("span", { class: "pair-buttons" }, press("mute", "Mute", "Mute"), press("solo", "Solo", "Solo")),
    slide("gain_db", "Gain", -24, 12, 0.5, (db) => `${number(db, 1, { signed: true })} dB`),
    slide("pan", "Pan", -100, 100, 1, (pan) =>
      pan === 0 ? "centre" : `${pan < 0 ? "L" : "R"} ${Math.abs(pan)}`,
    ),
  );
}

/** Balance of a stereo signal, -100 to 100, by the law of the rendered remix (sine, 0 dB in the middle). */
function balance(context, into) {
  const input = new GainNode(context, { channelCount: 2, channelCountMode: "explicit" });
  const split = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
  const merge = new ChannelMergerNode(context, { numberOfInputs: 2 });
  const sides = [new GainNode(context), new GainNode(context)];
  input.connect(split);
  sides.forEach((gain, side) => {
    split.connect(gain, side);
    gain.connect(merge, 0, side);
  });
  merge.connect(into);
  const law = (pan) => [100 - pan, 100 + pan].map((turn) => Math.SQRT2 * Math.sin((turn * Math.PI) / 400));
  return {
    input,
    set: (pan) =>
      law(pan).forEach((gain, side) => sides[side].gain.setTargetAtTime(gain, context.currentTime, 0.005)),
  };
}
