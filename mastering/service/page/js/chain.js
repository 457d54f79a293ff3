// The advanced view: every step of the chain with its numbers, and plug-ins that were allowed.

import { createJob, get, post } from "./api.js";
import { fill, h } from "./dom.js";
import { learn } from "./events.js";
import { number } from "./format.js";
import { recipeOf } from "./material.js";

const NAMES = {
  equalizer: "Equaliser", linear_phase_eq: "Linear-phase equaliser", compressor: "Compressor",
  multiband_compressor: "Multiband compressor", width: "Width", saturation: "Saturation", external: "Plug-in",
};
const UNITS = [["_percent", "%"], ["_db_per_octave", "dB/oct"], ["_dbfs", "dBFS"], ["_dbtp", "dBTP"], ["_lufs", "LUFS"], ["_db", "dB"], ["_hz", "Hz"], ["_ms", "ms"], ["_s", "s"]];

/** A closed section that loads what it shows when it is opened. */
export function chainView({ job, material, about }) {
  const inside = h("div", { class: "chain" }, h("p", { class: "muted", text: "Loading …" }));
  let loaded = false;
  const details = h("details", { class: "panel", on: { toggle: () => details.open && !loaded && ((loaded = true), load()) } }, h("summary", {}, h("h2", { text: "The whole chain" }), h("span", { class: "muted", text: "every step and number" })), inside);

  async function load() {
    try {
      const recipe = await recipeOf(material);
      const [told, plugins] = await Promise.all([post("/recipes/validate", { recipe }).catch(() => null), about.plugins_allowed ? get("/plugins") : []]);
      fill(inside, steps(recipe, told?.sentences ?? []), inserts({ job, material, plugins: plugins.items ?? plugins }));
    } catch (problem) {
      loaded = false;
      fill(inside, h("p", { class: "missed", text: `${problem.message} ${problem.hint ?? ""}` }));
    }
  }
  return details;
}

function steps(recipe, sentences) {
  const chain = recipe.chain;
  const each = [...chain.steps.map((step) => [NAMES[step.kind] ?? step.kind, step]), ["Limiter", chain.limiter], ["Delivery", recipe.delivery]].filter(([, step]) => step);
  return h(
    "ol",
    { class: "steps" },
    each.map(([name, step], index) => h("li", {}, h("h3", { text: name }), sentences[index] ? h("p", { class: "muted", text: sentences[index] }) : null, numbers(step))),
  );
}

function numbers(step) {
  const plain = Object.entries(step).filter(([, value]) => ["number", "string", "boolean"].includes(typeof value) && value !== "").filter(([key]) => key !== "kind");
  const lists = Object.entries(step).filter(([, value]) => Array.isArray(value) && value.length);
  return [
    plain.length ? h("dl", { class: "numbers" }, plain.map(([key, value]) => h("div", {}, h("dt", { text: plainName(key) }), h("dd", { class: "figure", text: shown(key, value) })))) : null,
    lists.some(([, value]) => typeof value[0] === "object") ? lists.filter(([, value]) => typeof value[0] === "object").map(([key, value]) => value.map((one, index) => h("details", { class: "part" }, h("summary", { text: `${plainName(key)} ${index + 1}` }), numbers(one)))) : null,
    table(lists.filter(([, value]) => typeof value[0] === "number")),
  ];
}

function table(columns) {
  if (!columns.length) return null;
  const rows = Math.max(...columns.map(([, values]) => values.length));
  return h(
    "details",
    { class: "part" },
    h("summary", { text: `${rows} points` }),
    h("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Points of the curve" }, h("table", {}, h("thead", {}, h("tr", {}, columns.map(([key]) => h("th", { scope: "col", text: `${plainName(key)}, ${unitOf(key)}` })))), h("tbody", {}, Array.from({ length: rows }, (_, row) => h("tr", {}, columns.map(([, values]) => h("td", { class: "figure", text: row in values ? number(values[row]) : "" }))))))),
  );
}

const unitOf = (key) => UNITS.find(([suffix]) => key.endsWith(suffix))?.[1] ?? "";

function plainName(key) {
  const suffix = UNITS.find(([one]) => key.endsWith(one))?.[0] ?? "";
  const words = key.slice(0, key.length - suffix.length).replaceAll("_", " ");
  return words ? words[0].toUpperCase() + words.slice(1) : key;
}

function shown(key, value) {
  if (typeof value !== "number") return String(value);
  const unit = unitOf(key);
  return `${number(value, Number.isInteger(value) ? 0 : 2)}${unit ? `\u00a0${unit}` : ""}`;
}

/** Puts one allowed plug-in into the chain and masters again. */
function inserts({ job, material, plugins }) {
  const allowed = plugins.filter((one) => one.allowed !== false);
  if (!allowed.length || job.kind !== "master") return null;
  const plugin = h("select", { id: "insert-plugin" }, allowed.map((one) => h("option", { value: one.name, text: one.name })));
  const place = h("select", { id: "insert-at" }, h("option", { value: "post", text: "before the limiter" }), h("option", { value: "pre", text: "before everything" }));
  const told = h("p", { class: "missed", role: "alert" });
  const go = async (event) => {
    event.preventDefault();
    try {
      const options = { ...(job.request?.options ?? {}), inserts: [{ plugin: plugin.value, at: place.value }] };
      const made = await createJob({ kind: "master", song: material.song.id, references: job.references ?? [], style: job.request?.style ?? null, target: job.request?.target ?? null, options });
      learn(made);
      location.hash = `#/job/${made.id}`;
    } catch (problem) {
      told.textContent = `${problem.message} ${problem.hint ?? ""}`;
    }
  };
  return h("form", { class: "inserts", on: { submit: go } }, h("h3", { text: "Insert a plug-in" }), h("div", { class: "field-row" }, h("label", { for: "insert-plugin", text: "Plug-in" }), plugin, h("label", { for: "insert-at", text: "Place" }), place, h("button", { type: "submit", text: "Master with it" })), told);
}
