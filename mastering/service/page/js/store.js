// What the page remembers in this browser: small, by name, and never in the way where storage is forbidden.

/** A remembered value, or `otherwise`. */
export function recall(name, otherwise = null) {
  try {
    const text = localStorage.getItem(`tonmeister.${name}`);
    return text === null ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

/** Remembers a value; null forgets it. */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(`tonmeister.${name}`);
    else localStorage.setItem(`tonmeister.${name}`, JSON.stringify(value));
  } catch {
    // A private window: the page works, it only forgets.
  }
}
