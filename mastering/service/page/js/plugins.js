// A plug-in of the chain with its parameters, and for admins the list of those that may be used.

import { get, put, remove } from "./api.js";
import { announce, fill, h, say } from "./dom.js";
import { choice, control, toggle } from "./control.js";
import { changed, moved } from "./inserts.js";

const known = new Map();
const PARTS = [
  ["whole", "everything"],
  ["mid", "the middle"],
  ["side", "the sides"],
];

/** A plug-in and its parameters, asked for once. */
export function pluginOf(name) {
  if (!known.has(name)) {
    const asking = get(`/plugins/${encodeURIComponent(name)}`);
    known.set(name, asking);
    asking.catch(() => known.delete(name));
  }
  return known.get(name);
}

/** One plug-in of the chain: on or off, its place, its parameters. `update()` after each change of the history. */
export function pluginCard({ id, history, places, first }) {
  const now = () => history.value.inserts.find((one) => one.id === id);
  const name = now().plugin;
  const change = (fields, tag = null) =>
    history.set({ inserts: changed(history.value.inserts, id, fields) }, tag && `${id}.${tag}`);
  const inside = h("div", { class: "parameters" }, h("p", { class: "muted", text: "Loading …" }));
  let views = [];

  const on = toggle({
    text: "On",
    label: `${name} on`,
    value: () => now().on,
    set: (to) => (change({ on: to }), announce(`${name} ${to ? "on" : "off"}`)),
  });
  const step = (by, text) =>
    h("button", {
      type: "button",
      class: "quiet",
      text,
      "aria-label": `${text}: ${name}`,
      on: { click: () => move(by) },
    });
  const [earlier, later] = [step(-1, "Earlier"), step(1, "Later")];
  const tools = h(
    "span",
    { class: "tools" },
    on.element,
    earlier,
    later,
    h("button", {
      type: "button",
      class: "quiet",
      text: "Reset",
      "aria-label": `Reset ${name}`,
      on: { click: () => change(first ?? { on: true, mix_percent: 100, part: "whole", parameters: {} }) },
    }),
    h("button", {
      type: "button",
      class: "quiet",
      text: "Remove",
      "aria-label": `Remove ${name}`,
      on: { click: () => leave() },
    }),
  );
  const place = choice({
    id: `${id}-place`,
    title: "Place",
    choices: () => [...places, ...(places.some(([at]) => at === now().at) ? [] : [[now().at, now().at]])],
    value: () => now().at,
    set: (at) => change({ at }),
  });
  const part = choice({
    id: `${id}-part`,
    title: "Hears",
    choices: () => PARTS,
    value: () => now().part,
    set: (to) => change({ part: to }),
  });
  const mix = control(
    { ...MIX, id: `${id}-mix` },
    { value: { mix_percent: now().mix_percent }, set: change, settle: () => history.settle() },
  );
  const about = h("small", { class: "muted" });

  function move(by) {
    history.set({ inserts: moved(history.value.inserts, places, id, by) });
    announce(`${name}, ${places.find(([at]) => at === now().at)?.[1] ?? now().at}`);
  }

  function leave() {
    history.set({ inserts: history.value.inserts.filter((one) => one.id !== id) });
    announce(`${name} removed`);
  }

  function update() {
    const one = now();
    if (!one) return;
    element.dataset.off = String(!one.on);
    for (const view of [on, place, part]) view.update();
    mix.update({ mix_percent: one.mix_percent });
    for (const view of views) view.update(one.parameters);
  }

  const element = h(
    "section",
    { class: "plugin", "aria-label": name },
    h("div", { class: "title-row" }, h("h3", {}, name, " ", about), tools),
    h("div", { class: "field-row" }, place.element, part.element),
    mix.element,
    inside,
  );
  pluginOf(name).then(
    (plugin) => {
      say(about, [plugin.vendor, plugin.version].filter(Boolean).join(" "));
      views = plugin.parameters.map((one) => parameter(one, { id, now, change, history })).filter(Boolean);
      fill(
        inside,
        views.length ? views.map((view) => view.element) : h("p", { text: "It has nothing to set." }),
      );
      update();
    },
    (problem) => fill(inside, h("p", { class: "missed", text: `${problem.message} ${problem.hint}` })),
  );
  update();
  return { element, update };
}

const MIX = {
  key: "mix_percent",
  title: "Mix",
  about: "0 % is without it",
  unit: "%",
  low: 0,
  high: 100,
  step: 1,
  decimals: 0,
  initial: 100,
};

/** One parameter as the control that fits it; null where it shows nothing that can be set. */
function parameter(
  { key, name, unit, low, high, choices, boolean, steps, value },
  { id, now, change, history },
) {
  const own = `${id}-${key}`;
  const get_ = () => now()?.parameters[key] ?? value;
  const set = (to, tag = null) => change({ parameters: { ...now().parameters, [key]: to } }, tag);
  if (boolean) return switchRow(toggle({ text: name, label: name, value: get_, set }));
  if (choices.length > 1)
    return choice({
      id: own,
      title: name,
      choices: () => choices.map((one) => [one, one]),
      value: get_,
      set,
    });
  if (low === null || high === null || value === null || low >= high) return null;
  const span = high - low;
  const decimals = steps > 1 ? Number(span / (steps - 1) < 1) : span > 200 ? 0 : span > 20 ? 1 : 2;
  const view = control(
    {
      id: own,
      key,
      title: name,
      about: "",
      unit,
      low,
      high,
      step: steps > 1 ? span / (steps - 1) : 10 ** -decimals,
      decimals,
      initial: value,
      signed: low < 0 && high > 0,
      even: low > 0 && high / low >= 50,
    },
    {
      value: { [key]: get_() },
      set: (changes, tag) => set(changes[key], tag),
      settle: () => history.settle(),
    },
  );
  return { element: view.element, update: (parameters) => view.update({ [key]: parameters[key] ?? value }) };
}

const switchRow = (view) => ({ ...view, element: h("div", { class: "switch-row" }, view.element) });

/** For admins: which plug-ins of this machine may be used, by everybody with a key. */
export function allowList({ plugins, onChange }) {
  const told = h("p", { class: "missed", role: "alert" });
  const row = (one) => {
    const box = h("input", { type: "checkbox", checked: one.allowed, on: { change: () => flip(one, box) } });
    return h(
      "li",
      {},
      h(
        "label",
        { class: "choice line" },
        box,
        h("span", {}, h("b", { text: one.name }), h("small", { text: `${one.vendor} · ${kind(one)}` })),
      ),
    );
  };

  async function flip(one, box) {
    const path = `/plugins/${encodeURIComponent(one.name)}/allowed`;
    try {
      await (box.checked ? put(path) : remove(path));
      say(told, "");
      announce(`${one.name} ${box.checked ? "may be used" : "may not be used any more"}`);
      one.allowed = box.checked;
      onChange();
    } catch (problem) {
      box.checked = one.allowed;
      say(told, `${problem.message} ${problem.hint}`);
    }
  }

  return h(
    "details",
    { class: "allow" },
    h("summary", { text: "Which plug-ins may be used" }),
    h("p", {
      class: "muted",
      text: "For everybody with a key. A plug-in runs as a program of this machine: allow only those you trust.",
    }),
    h("ul", { class: "choice-grid" }, plugins.map(row)),
    told,
  );
}

const kind = ({ category, version }) =>
  [category.replace(/^Fx\|/, "").replaceAll("|", ", "), version].filter(Boolean).join(" · ");
