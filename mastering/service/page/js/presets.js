// Styles and targets: what there is, and what it is called.

import { get } from "./api.js";

const titles = new Map();
let loading = null;

/** Styles and targets, asked for once. */
export function presets() {
  loading ??= Promise.all([get("/styles"), get("/targets")]).then((found) => {
    for (const one of found.flat()) titles.set(one.name, one.title);
    return found;
  });
  loading.catch(() => (loading = null));
  return loading;
}

/** What a style or a target is called; guests of a link know its name only. */
export function titleOf(name) {
  const words = name.replaceAll("-", " ");
  return titles.get(name) ?? words[0].toUpperCase() + words.slice(1);
}
