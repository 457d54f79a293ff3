// Keys of the desk. Typing, choosing and buttons keep the keys they need.

import { openHelp } from "./help.js";

const TYPING = /^(text|search|number|password|email|url|tel)$/;

/** Listens for keys; `actions` by key. Returns what ends it. */
export function onKeys(actions) {
  const listener = (event) => {
    if (
      event.defaultPrevented ||
      event.altKey ||
      event.ctrlKey ||
      event.metaKey ||
      document.querySelector("dialog[open]")
    )
      return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (key === "?") return openHelp();
    if (!actions[key] || taken(event.target, key)) return undefined;
    event.preventDefault();
    return actions[key](event);
  };
  addEventListener("keydown", listener);
  return () => removeEventListener("keydown", listener);
}

function taken(target, key) {
  if (target.matches?.("textarea, select") || (target.matches?.("input") && TYPING.test(target.type)))
    return true;
  if (target.matches?.("input[type=range], input[type=radio]"))
    return key.startsWith("Arrow") || key === "Home";
  return key === " " && Boolean(target.closest?.("button, a, summary, input, label"));
}
