// The advanced view: every step of the chain with its numbers, and plug-ins that were allowed.

import { get } from "./api.js";
import { announce, fill, h, say } from "./dom.js";
import { number, rate } from "./format.js";
import { NAMES, added, inOrder, placesOf } from "./inserts.js";
import { allowList, pluginCard } from "./plugins.js";

const UNITS = [
  ["_percent", "%"],
  ["_db_per_octave", "dB/oct"],
  ["_dbfs", "dBFS"],
  ["_dbtp", "dBTP"],
  ["_lufs", "LUFS"],
  ["_lu", "LU"],
  ["_db", "dB"],
  ["_hz", "Hz"],
  ["_ms", "ms"],
  ["_s", "s"],
];
const BY_NAME = { ratio: ":1", sample_rate: "Hz", bit_depth: "bit" };
const UNTOLD = new Set(["kind", "schema", "dither_seed", "state"]);

/** A closed section that loads what it shows when it is opened; `adjust` is the desk's adjusting part. */
export function chainView({ about, adjust }) {
  const inside = h("div", { class: "chain" }, h("p", { class: "muted", text: "Loading …" }));
  let loaded = false;
  const details = h(
    "details",
    { class: "panel", on: { toggle: () => details.open && !loaded && ((loaded = true), load()) } },
    h(
      "summary",
      {},
      h("h2", { text: "The whole chain" }),
      h("span", { class: "muted", text: "every step and number, and plug-ins" }),
    ),
    inside,
  );

  async function load() {
    try {
      const [desk, plugins] = await Promise.all([adjust.ready, get("/plugins")]);
      if (desk) fill(inside, steps({ desk, about, plugins: plugins.items.filter((one) => !one.instrument) }));
    } catch (problem) {
      loaded = false;
      fill(inside, h("p", { class: "missed", text: `${problem.message} ${problem.hint ?? ""}` }));
    }
  }
  return details;
}

/** The steps in their order, with the plug-ins between them where they stand. */
function steps({ desk, about, plugins }) {
  const { recipe, history, initial } = desk;
  const places = placesOf(recipe);
  const list = h("ol", { class: "steps" });
  const cards = new Map();
  const item = (name, step) => h("li", {}, h("h3", { text: name }), numbers(step));
  const builtIn = recipe.chain.steps
    .filter(({ kind }) => kind !== "external")
    .map((step) => ({ kind: step.kind, element: item(NAMES[step.kind] ?? step.kind, step) }));
  const ends = [
    ["Limiter", recipe.chain.limiter],
    ["Delivery", recipe.delivery],
  ].map(([name, step]) => (step ? item(name, step) : null));
  const adding = addForm({ plugins, about, history });
  desk.onStatus((words) => say(adding.status, words));
  let shown = "";

  function card(one) {
    if (!cards.has(one.id)) {
      const first = initial.inserts.find(({ id }) => id === one.id);
      const made = pluginCard({ id: one.id, history, places, first });
      cards.set(one.id, { ...made, item: h("li", {}, made.element) });
    }
    return cards.get(one.id);
  }

  function update() {
    const inserts = inOrder(history.value.inserts, places);
    const order = inserts.map(({ id, at }) => `${id} ${at}`).join();
    if (order !== shown || !list.children.length) arrange(inserts);
    shown = order;
    for (const one of inserts) card(one).update();
  }

  function arrange(inserts) {
    const held = list.contains(document.activeElement) ? document.activeElement : null;
    const waiting = [...inserts];
    const take = (wanted) =>
      waiting
        .filter(({ at }) => wanted(at))
        .map((one) => (waiting.splice(waiting.indexOf(one), 1), card(one).item));
    const seen = new Set();
    const parts = take((at) => at === "pre");
    for (const { kind, element } of builtIn) {
      const first = !seen.has(kind);
      seen.add(kind);
      parts.push(
        first && take((at) => at === `before:${kind}`),
        element,
        first && take((at) => at === `after:${kind}`),
      );
    }
    fill(
      list,
      parts,
      take(() => true),
      ends,
    );
    if (held) (held.isConnected ? held : adding.field).focus();
  }

  history.addEventListener("change", update);
  update();
  return [adding.element, list, allowing({ about, plugins, onChange: adding.update })];
}

/** Puts an allowed plug-in into the chain, or says why there is none. */
function addForm({ plugins, about, history }) {
  const field = h("select", { id: "insert-plugin" });
  const none = h("p", { class: "muted" });
  const form = h(
    "form",
    { class: "field-row", on: { submit: insert } },
    h("label", { for: "insert-plugin", text: "Plug-in" }),
    field,
    h("button", { type: "submit", text: "Insert" }),
  );

  function insert(event) {
    event.preventDefault();
    history.set({ inserts: added(history.value.inserts, field.value) });
    announce(`${field.value} inserted before the limiter`);
  }

  function update() {
    const allowed = plugins.filter((one) => one.allowed);
    form.hidden = !allowed.length;
    none.hidden = Boolean(allowed.length);
    fill(
      field,
      allowed.map((one) => h("option", { value: one.name, text: one.name })),
    );
    say(none, whyNone(plugins, about));
  }

  const status = h("p", { class: "muted", "aria-hidden": "true" }); // spoken where it is said first
  update();
  return {
    element: h("div", { class: "inserts" }, h("h3", { text: "Plug-ins" }), form, none, status),
    field,
    status,
    update,
  };
}

const whyNone = (plugins, about) =>
  !plugins.length
    ? "No plug-in of this machine is known. Whoever runs the service looks for them with “tonmeister plugins scan”, and then allows some here."
    : about.role === "admin"
      ? "No plug-in may be used yet. Allow some below."
      : "No plug-in may be used yet. Whoever runs the service allows some: signed in with an admin key, here below the chain.";

const allowing = ({ about, plugins, onChange }) =>
  about.role === "admin" && plugins.length ? allowList({ plugins, onChange }) : null;

function numbers(step) {
  const told = Object.entries({ ...step, ...step.parameters }).filter(([key]) => !UNTOLD.has(key));
  const plain = told.filter(
    ([, value]) => ["number", "string", "boolean"].includes(typeof value) && value !== "",
  );
  const parts = told.filter(([, value]) => Array.isArray(value) && typeof value[0] === "object");
  const curves = told.filter(
    ([key, value]) => Array.isArray(value) && typeof value[0] === "number" && key !== "crossovers_hz",
  );
  return [
    plain.length
      ? h(
          "dl",
          { class: "numbers" },
          plain.map(([key, value]) =>
            h(
              "div",
              {},
              h("dt", { text: plainName(key) }),
              h("dd", { class: "figure", text: shown(key, value) }),
            ),
          ),
        )
      : null,
    parts.map(([, values]) => bandTable(values, step.crossovers_hz)),
    curves.length
      ? h(
          "details",
          { class: "part" },
          h("summary", { text: `The curve in ${curves[0][1].length} points` }),
          curveTable(curves),
        )
      : null,
  ];
}

function bandTable(bands, crossovers_hz) {
  const keys = Object.keys(bands[0]).filter((key) => !UNTOLD.has(key) && typeof bands[0][key] !== "object");
  const names = crossovers_hz
    ? bands.map((_, index) => between(crossovers_hz[index - 1], crossovers_hz[index]))
    : null;
  const rows = bands.map((band, index) =>
    [names?.[index], ...keys.map((key) => shown(key, band[key]))].filter((cell) => cell !== undefined),
  );
  return table(
    [names ? "Band" : undefined, ...keys.map(plainName)].filter((head) => head !== undefined),
    rows,
    "Bands",
  );
}

const between = (low, high) =>
  low ? (high ? `${rate(low)} to ${rate(high)}` : `above ${rate(low)}`) : `below ${rate(high)}`;

function curveTable(curves) {
  const rows = curves[0][1].map((_, row) =>
    curves.map(([key, values]) => number(values[row], key.endsWith("_hz") ? 0 : 1)),
  );
  return table(
    curves.map(([key]) => `${plainName(key)}, ${unitOf(key)}`),
    rows,
    "Points of the curve",
  );
}

function table(heads, rows, label) {
  return h(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": label },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          heads.map((head) => h("th", { scope: "col", text: head })),
        ),
      ),
      h(
        "tbody",
        {},
        rows.map((cells) =>
          h(
            "tr",
            {},
            cells.map((cell) => h("td", { class: "figure", text: cell })),
          ),
        ),
      ),
    ),
  );
}

const unitOf = (key) => BY_NAME[key] ?? UNITS.find(([suffix]) => key.endsWith(suffix))?.[1] ?? "";

function plainName(key) {
  const suffix = UNITS.find(([one]) => key.endsWith(one))?.[0] ?? "";
  const words = key.slice(0, key.length - suffix.length).replaceAll("_", " ");
  return words ? words[0].toUpperCase() + words.slice(1) : key;
}

function shown(key, value) {
  if (typeof value !== "number") return String(value);
  const unit = unitOf(key);
  return `${number(value, Number.isInteger(value) ? 0 : 2)}${unit ? `${unit === ":1" ? "" : "\u00a0"}${unit}` : ""}`;
}
