// Elements without markup in strings: names of people's files can never become HTML.

/**
 * An element with its properties and children.
 *
 * @param {string} tag such as "button", or "svg:path" for one of SVG.
 * @param {object} props attributes; `on` holds listeners, `class` and `text` are what they say, false and null are left out.
 * @param {...(Node|string|null|false|Array)} children
 */
export function h(tag, props = {}, ...children) {
  const [space, name] = tag.startsWith("svg:") ? ["http://www.w3.org/2000/svg", tag.slice(4)] : [null, tag];
  const element = space ? document.createElementNS(space, name) : document.createElement(name);
  for (const [key, value] of Object.entries(props)) set(element, key, value);
  append(element, children);
  return element;
}

function set(element, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (key === "on")
    for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
  else if (key === "text") element.textContent = value;
  else if (key === "vars")
    for (const [name, to] of Object.entries(value)) element.style.setProperty(name, to);
  else if (key === "value" || key === "checked" || key === "disabled" || key === "hidden")
    element[key] = value;
  else element.setAttribute(key, value === true ? "" : value);
}

function append(element, children) {
  for (const child of children.flat(Infinity)) if (child || child === 0) element.append(child);
}

/** Replaces what an element holds; the focus stays on what is called the same, or goes to the heading. */
export function fill(element, ...children) {
  const held = element.contains(document.activeElement) ? document.activeElement : null;
  element.replaceChildren();
  append(element, children);
  if (held && element.childElementCount) hold(element, held);
  return element;
}

function hold(element, held) {
  const alike = (one) => nameOf(one) === nameOf(held) && !one.disabled;
  const same = held.isConnected ? held : [...element.querySelectorAll(held.localName)].find(alike);
  if (!same) return arrive(element);
  same.tabIndex = held.tabIndex; // a heading has none by itself
  return same.focus({ preventScroll: true });
}

const nameOf = (one) =>
  one.getAttribute("aria-label") ?? (one.id || (one.name ? `${one.name} ${one.value}` : one.textContent));

/** Sets a text only where it changed, so that live regions speak once. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Tells people who hear the page what has happened. */
export function announce(text) {
  say(document.getElementById("announcer"), text);
}

/** Puts the focus on what a view is called, as a new page would begin there. */
export function arrive(view) {
  const inside = view.querySelector("h1, h2, h3");
  const heading = inside ?? view.closest("section, main")?.querySelector("h1, h2, h3") ?? view;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** A canvas at the screen's own resolution; `draw(context, width, height)` in CSS pixels, again at each change of size. */
export function surface(props, draw) {
  const canvas = h("canvas", props);
  const paint = () => {
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== wide || canvas.height !== high) [canvas.width, canvas.height] = [wide, high];
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    draw(context, width, height);
  };
  new ResizeObserver(paint).observe(canvas);
  canvas.paint = paint;
  return canvas;
}

/** A colour of the current theme by the name of its custom property. */
export function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Red, green and blue of a colour as the themes write it, "#08263b". */
export const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** A colour between two of the theme's; a share of 1 is the first. */
export function blend(one, other, share) {
  const [from, to] = [rgb(ink(other)), rgb(ink(one))];
  return `rgb(${from.map((value, part) => Math.round(value + (to[part] - value) * share)).join(" ")})`;
}
