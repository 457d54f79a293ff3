// The advanced view: every step of the chain with its numbers, and plug-ins that were allowed.

import { createJob, get } from "./api.js";
import { fill, h } from "./dom.js";
import { learn } from "./events.js";
import { number, rate } from "./format.js";
import { recipeOf } from "./material.js";

const NAMES = {
  equalizer: "Equaliser",
  linear_phase_eq: "Linear-phase equaliser",
  compressor: "Compressor",
  multiband_compressor: "Multiband compressor",
  width: "Width",
  saturation: "Saturation",
  external: "Plug-in",
};
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

/** A closed section that loads what it shows when it is opened. */
export function chainView({ job, material, about }) {
  const inside = h("div", { class: "chain" }, h("p", { class: "muted", text: "Loading …" }));
  let loaded = false;
  const details = h(
    "details",
    { class: "panel", on: { toggle: () => details.open && !loaded && ((loaded = true), load()) } },
    h(
      "summary",
      {},
      h("h2", { text: "The whole chain" }),
      h("span", { class: "muted", text: "every step and number" }),
    ),
    inside,
  );

  async function load() {
    try {
      const recipe = await recipeOf(material);
      const plugins = about.plugins_allowed ? await get("/plugins") : [];
      fill(inside, steps(recipe), inserts({ job, material, plugins: plugins.items ?? plugins }));
    } catch (problem) {
      loaded = false;
      fill(inside, h("p", { class: "missed", text: `${problem.message} ${problem.hint ?? ""}` }));
    }
  }
  return details;
}

function steps(recipe) {
  const { chain, delivery } = recipe;
  const each = [
    ...chain.steps.map((step) => [title(step), step]),
    ["Limiter", chain.limiter],
    ["Delivery", delivery],
  ].filter(([, step]) => step);
  return h(
    "ol",
    { class: "steps" },
    each.map(([name, step]) => h("li", {}, h("h3", { text: name }), numbers(step))),
  );
}

/** What a step is called: a plug-in by its own name. */
const title = ({ kind, plugin }) =>
  plugin ? `${plugin.name} ${plugin.version}, ${plugin.vendor}` : (NAMES[kind] ?? kind);

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

/** Puts one allowed plug-in into the chain and masters again. */
function inserts({ job, material, plugins }) {
  const allowed = plugins.filter((one) => one.allowed !== false);
  if (!allowed.length || job.kind !== "master") return null;
  const plugin = h(
    "select",
    { id: "insert-plugin" },
    allowed.map((one) => h("option", { value: one.name, text: one.name })),
  );
  const place = h(
    "select",
    { id: "insert-at" },
    h("option", { value: "post", text: "before the limiter" }),
    h("option", { value: "pre", text: "before everything" }),
  );
  const told = h("p", { class: "missed", role: "alert" });
  const go = async (event) => {
    event.preventDefault();
    try {
      const options = {
        ...(job.request?.options ?? {}),
        inserts: [{ plugin: plugin.value, at: place.value }],
      };
      const made = await createJob({
        kind: "master",
        song: material.song.id,
        references: job.references ?? [],
        style: job.request?.style ?? null,
        target: job.request?.target ?? null,
        options,
      });
      learn(made);
      location.hash = `#/job/${made.id}`;
    } catch (problem) {
      told.textContent = `${problem.message} ${problem.hint ?? ""}`;
    }
  };
  return h(
    "form",
    { class: "inserts", on: { submit: go } },
    h("h3", { text: "Insert a plug-in" }),
    h(
      "div",
      { class: "field-row" },
      h("label", { for: "insert-plugin", text: "Plug-in" }),
      plugin,
      h("label", { for: "insert-at", text: "Place" }),
      place,
      h("button", { type: "submit", text: "Master with it" }),
    ),
    told,
  );
}
