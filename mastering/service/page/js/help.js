// The keys, in a dialog.

import { h } from "./dom.js";

const KEYS = [
  ["1", "Original"],
  ["2", "Master"],
  ["3", "Reference"],
  ["Space", "Play and pause"],
  ["← →", "Back and forward 5 s; with Shift 1 s"],
  ["Home", "To the start"],
  ["L", "Loop: from here 8 s, the region you drew, or off"],
  ["[ ]", "Loop starts or ends here"],
  ["+ − 0", "Zoom in, out, to the whole song"],
  ["M", "Matched loudness on and off"],
  ["Ctrl Z", "Undo an adjustment; with Shift redo"],
  ["?", "This list"],
];

let dialog = null;

/** Opens the list of keys. */
export function openHelp() {
  dialog ??= document.body.appendChild(build());
  if (!dialog.open) dialog.showModal();
}

function build() {
  const close = () => dialog.close();
  return h(
    "dialog",
    { class: "dialog", "aria-labelledby": "keys-title" },
    h("h2", { id: "keys-title", text: "Keys" }),
    h(
      "dl",
      { class: "keys" },
      KEYS.map(([key, does]) => [
        h(
          "dt",
          {},
          key.split(" ").map((one) => h("kbd", { text: one })),
        ),
        h("dd", { text: does }),
      ]),
    ),
    h("button", { type: "button", class: "primary", text: "Close", on: { click: close } }),
  );
}
