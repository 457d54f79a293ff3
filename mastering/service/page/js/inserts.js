// Plug-ins in the chain as values: what the recipe has, where they may stand, and what the service is asked for.

export const NAMES = {
  equalizer: "Equaliser",
  linear_phase_eq: "Linear-phase equaliser",
  compressor: "Compressor",
  multiband_compressor: "Multiband compressor",
  width: "Width",
  saturation: "Saturation",
};

/** The plug-ins of a recipe, each with its place. */
export function insertsOf(recipe) {
  const { steps } = recipe.chain;
  const inserts = [];
  steps.forEach((step, index) => {
    if (step.kind !== "external") return;
    inserts.push({
      id: `own${inserts.length}`,
      own: inserts.length,
      plugin: step.plugin.name,
      at: placeOf(steps, index),
      on: !step.bypass,
      mix_percent: step.mix_percent ?? 100,
      part: step.part ?? "whole",
      parameters: { ...step.parameters },
    });
  });
  return inserts;
}

/** Where a step stands, by the built-in steps beside it; the service counts only the first of a kind. */
function placeOf(steps, index) {
  const kinds = steps.map(({ kind }) => kind);
  const builtIn = (kind) => kind !== "external";
  const before = kinds.slice(0, index).filter(builtIn);
  const after = kinds.slice(index).filter(builtIn);
  if (!before.length) return "pre";
  if (!after.length) return "post";
  const last = before.at(-1);
  return before.indexOf(last) === before.length - 1 ? `after:${last}` : `before:${after[0]}`;
}

/** Places a plug-in may have in a chain, first to last: [at, words]. */
export function placesOf(recipe) {
  const kinds = [...new Set(recipe.chain.steps.map(({ kind }) => kind))].filter((kind) => kind in NAMES);
  return [
    ["pre", "first of all"],
    ...kinds.slice(0, -1).map((kind) => [`after:${kind}`, `after the ${NAMES[kind].toLowerCase()}`]),
    ["post", "last, before the limiter"],
  ];
}

/** Plug-ins in the order in which the music goes through them. */
export function inOrder(inserts, places) {
  const rank = ({ at }) => {
    const place = places.findIndex(([one]) => one === at);
    return place < 0 ? places.length - 1 : place;
  };
  return [...inserts].sort((one, other) => rank(one) - rank(other));
}

/** Plug-ins after one went a step earlier (-1) or later (1); the same ones where it cannot. */
export function moved(inserts, places, id, by) {
  const list = inOrder(inserts, places);
  const index = list.findIndex((one) => one.id === id);
  const [one, neighbour] = [list[index], list[index + by]];
  if (neighbour?.at === one.at) {
    [list[index], list[index + by]] = [neighbour, one];
    return list;
  }
  const place = places[places.findIndex(([at]) => at === one.at) + by];
  if (!place) return inserts;
  const there = { ...one, at: place[0] };
  const others = list.filter((other) => other !== one);
  return by < 0 ? [...others, there] : [there, ...others];
}

/** Plug-ins with one more, last. */
export function added(inserts, plugin) {
  const number =
    1 + Math.max(0, ...inserts.filter(({ own }) => own === null).map(({ id }) => Number(id.slice(3))));
  const one = { id: `new${number}`, own: null, plugin, at: "post" };
  return [...inserts, { ...one, on: true, mix_percent: 100, part: "whole", parameters: {} }];
}

/** Plug-ins with some fields of one changed. */
export const changed = (inserts, id, fields) =>
  inserts.map((one) => (one.id === id ? { ...one, ...fields } : one));

/** A plug-in as the service takes it. */
export function toBody({ own, plugin, at, on, mix_percent, part, parameters }) {
  return { plugin, at, mix_percent, part, parameters, bypass: !on, ...(own === null ? {} : { own }) };
}
