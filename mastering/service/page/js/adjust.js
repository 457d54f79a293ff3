// Adjusting: move a control, hear it from the playhead while the music goes on; render it when it is right.

import { createJob, post } from "./api.js";
import { announce, fill, h, say } from "./dom.js";
import { learn } from "./events.js";
import { recipeOf } from "./material.js";
import { History } from "./history.js";
import { PIECE_S, FilePieces } from "./pieces.js";
import { PreviewPieces, louder_lu } from "./preview.js";
import { controlsFor, initialValues, toAdjust } from "./settings.js";
import { recall, remember } from "./store.js";
import { control } from "./control.js";

const SETTLE_MS = 180;

/**
 * The adjusting part of a desk. `ready` resolves to its recipe, its history, what it was made with (`initial`)
 * and `onStatus`, for the view of the whole chain.
 */
export function adjusting({ material, player, about, onVersion, onLoudness }) {
  const element = h(
    "section",
    { class: "adjust panel", "aria-labelledby": "adjust-title" },
    h("h2", { id: "adjust-title", text: "Adjust" }),
    h("p", { class: "muted", text: "Loading …" }),
  );
  let [end, left] = [() => {}, false];
  const ready = recipeOf(material).then((recipe) => {
    if (left) return null;
    const built = build({ element, recipe, material, player, about, onVersion, onLoudness });
    end = built.close;
    return { recipe, ...built };
  });
  ready.catch((problem) =>
    fill(
      element,
      h("h2", { id: "adjust-title", text: "Adjust" }),
      h("p", { class: "muted", text: `This master cannot be adjusted: ${problem.message}` }),
    ),
  );
  return { element, ready, close: () => ((left = true), end()) };
}

function build({ element, recipe, material, player, onVersion, onLoudness }) {
  const { job, song } = material;
  const controls = controlsFor({
    integrated_lufs: Number(
      (material.numbers.after?.integrated_lufs ?? recipe.delivery?.integrated_lufs ?? -14).toFixed(1),
    ),
    ceiling_dbtp: recipe.delivery?.ceiling_dbtp ?? recipe.chain?.limiter?.ceiling_dbtp ?? -1,
  });
  const initial = initialValues(controls, recipe);
  const name = `adjust.${job.id}.${song.id}`;
  const history = new History({ ...initial, ...recall(name) });
  const rendered = new FilePieces(material.master.listen, material.rate_hz);
  const status = h("p", { class: "preview-status", role: "status" });
  const views = controls.map((one) => control(one, history));
  const group = (wanted) =>
    views.filter((_, index) => controls[index].group === wanted).map((view) => view.element);
  const undo = h("button", {
    type: "button",
    class: "quiet",
    "aria-keyshortcuts": "Control+Z",
    text: "Undo",
    on: { click: () => history.undo() },
  });
  const redo = h("button", {
    type: "button",
    class: "quiet",
    "aria-keyshortcuts": "Control+Shift+Z",
    text: "Redo",
    on: { click: () => history.redo() },
  });
  const reset = h("button", {
    type: "button",
    class: "quiet",
    text: "Reset all",
    on: { click: () => history.set(initial) },
  });
  const render = h("button", {
    type: "button",
    class: "primary",
    text: "Render this version",
    on: { click: () => save() },
  });
  const watching = new Set();
  const tell = (words) => {
    say(status, words);
    for (const listener of watching) listener(words);
  };
  const cache = new Map([["{}", rendered]]);
  let [heard, timer, round, pending] = ["{}", 0, 0, null];

  async function hear() {
    const adjust = toAdjust(history.value, controls, initial);
    const key = JSON.stringify(adjust);
    if (key === heard) return tell(words(key));
    const mine = ++round;
    const pieces =
      cache.get(key) ??
      new PreviewPieces({
        job: job.id,
        song: song.id,
        adjust,
        rate_hz: material.rate_hz,
        duration_s: material.duration_s,
      });
    if (pending && pending.pieces !== pieces) {
      pending.pieces.abandon?.();
      cache.delete(pending.key);
    }
    pending = { key, pieces };
    cache.delete(key);
    cache.set(key, pieces);
    while (cache.size > 8) cache.delete([...cache.keys()].find((one) => one !== "{}"));
    tell("Rendering from the playhead …");
    try {
      const began = performance.now();
      if (!(await player.replace("master", pieces))) return;
      [heard, pending] = [key, null];
      onVersion(key === "{}" ? "Master" : "Adjusted");
      tell(words(key));
      status.dataset.took_ms = String(Math.round(performance.now() - began));
      await level(pieces, key);
    } catch (problem) {
      if (mine === round && problem.name !== "AbortError") tell(`${problem.message} ${problem.hint ?? ""}`);
    }
  }

  async function level(pieces, key) {
    if (key === "{}") return onLoudness(null);
    const lufs = material.master.analysis?.integrated_lufs;
    const index = Math.floor(Math.min(player.position_s, material.duration_s - 0.01) / PIECE_S);
    const louder = await louder_lu(pieces, rendered, index);
    if (heard === key && Number.isFinite(lufs)) onLoudness(lufs + louder);
    return undefined;
  }

  const words = (key) =>
    key === "{}"
      ? "You hear the master as it was rendered."
      : "You hear it adjusted. Not saved as a file yet.";

  function changed() {
    views.forEach((view) => view.update(history.value));
    const same = JSON.stringify(toAdjust(history.value, controls, initial)) === "{}";
    remember(name, same ? null : history.value);
    undo.disabled = !history.canUndo;
    redo.disabled = !history.canRedo;
    reset.disabled = render.disabled = same;
    clearTimeout(timer);
    timer = setTimeout(hear, SETTLE_MS);
  }

  async function save() {
    render.disabled = true;
    try {
      const adjust = toAdjust(history.value, controls, initial);
      const { recipe: adjusted } = await post("/recipes/adjust", { job: job.id, song: song.id, adjust });
      const made = await createJob({ kind: "apply", song: song.id, recipe: adjusted });
      learn(made);
      announce("Rendering the new version.");
      location.hash = `#/job/${made.id}`;
    } catch (problem) {
      tell(`${problem.message} ${problem.hint ?? ""}`);
      render.disabled = false;
    }
  }

  const keys = (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
    const key = event.key.toLowerCase();
    const back = key === "z" && !event.shiftKey;
    if (!back && !(key === "y" || key === "z")) return;
    event.preventDefault();
    if (back) history.undo();
    else history.redo();
    announce(back ? "Undone" : "Done again");
  };
  addEventListener("keydown", keys);
  history.addEventListener("change", changed);

  fill(
    element,
    h(
      "div",
      { class: "title-row" },
      h("h2", { id: "adjust-title", text: "Adjust" }),
      h("span", { class: "tools" }, undo, redo, reset),
    ),
    group("amount"),
    h("div", { class: "control-group", role: "group", "aria-label": "Tone" }, group("tone")),
    h("div", { class: "control-group", role: "group", "aria-label": "Shape" }, group("shape")),
    h("div", { class: "control-group", role: "group", "aria-label": "Level" }, group("level")),
    status,
    render,
  );
  changed();
  return {
    history,
    initial,
    onStatus: (listener) => (watching.add(listener), listener(status.textContent)),
    close: () => {
      clearTimeout(timer);
      removeEventListener("keydown", keys);
      for (const pieces of cache.values()) pieces.abandon?.();
    },
  };
}
