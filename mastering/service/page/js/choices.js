// What it should sound like, and where it goes: a reference, a style, a target, each with its sentence.

import { fill, h } from "./dom.js";
import { chooser } from "./dropping.js";

/** The three choices; `onChange` after each. */
export function choices({ setup, styles, targets, intake, onChange }) {
  const element = h("div", { class: "choices" });

  function render() {
    fill(element, reference(), style(), target(), more());
  }

  function reference() {
    const [button, input] = chooser("Choose a reference", {
      onChoose: (files) => intake.take(files, "references"),
      describedBy: "reference-about",
    });
    return h(
      "section",
      { class: "tile", "data-drop": "references", "aria-labelledby": "reference-title" },
      h("h2", { id: "reference-title", text: "Like this record" }),
      h("p", {
        class: "muted",
        id: "reference-about",
        text: "Drop a finished song here: its tone, width, density and level are the aim. Not needed.",
      }),
      intake.rows("references"),
      h("p", { class: "tile-action" }, button, input),
    );
  }

  function style() {
    const own = setup.references.length
      ? { name: null, title: "As the reference", sentence: "Nothing but what the record you gave says." }
      : null;
    const chosen = setup.style ?? (own ? null : "balanced");
    const option = (one) =>
      h(
        "label",
        { class: "choice" },
        h("input", {
          type: "radio",
          name: "style",
          value: one.name ?? "",
          checked: chosen === one.name,
          on: { change: () => ((setup.style = one.name), onChange()) },
        }),
        h("span", {}, h("b", { text: one.title ?? one.name }), h("small", { text: one.sentence })),
      );
    return h(
      "fieldset",
      { class: "plain" },
      h("legend", { text: "How it should sound" }),
      h("div", { class: "choice-grid" }, [own, ...styles].filter(Boolean).map(option)),
    );
  }

  function target() {
    const options = [
      {
        name: "",
        title: "No platform",
        sentence: setup.references.length ? "As loud as the reference." : "As loud as the style wants it.",
      },
      ...targets,
    ];
    const chosen = options.find((one) => one.name === (setup.target ?? "")) ?? options[0];
    return h(
      "div",
      { class: "field" },
      h("label", { for: "target", text: "Where it goes" }),
      h(
        "select",
        {
          id: "target",
          "aria-describedby": "target-about",
          on: { change: (event) => choose(event.target.value) },
        },
        options.map((one) =>
          h("option", { value: one.name, selected: one === chosen, text: one.title ?? one.name }),
        ),
      ),
      h("p", { class: "muted", id: "target-about", text: chosen.sentence }),
    );

    function choose(name) {
      setup.target = name || null;
      document.getElementById("target-about").textContent = options.find((one) => one.name === name).sentence;
      onChange();
    }
  }

  function more() {
    if (!setup.references.length || (setup.album && intake.count("songs") > 1)) return null;
    return h(
      "label",
      { class: "choice line" },
      h("input", {
        type: "checkbox",
        checked: setup.stems,
        on: { change: (event) => ((setup.stems = event.target.checked), onChange()) },
      }),
      h(
        "span",
        {},
        h("b", { text: "Stem by stem" }),
        h("small", {
          text: "Takes voice, drums, bass and the rest apart, and matches each to the reference. Takes minutes instead of seconds.",
        }),
      ),
    );
  }

  /** What will be done, in one line. */
  function sentence() {
    const name = (list, key) => list.find((one) => one.name === key)?.title;
    const how = setup.references.length
      ? "to your reference"
      : `in the style “${name(styles, setup.style ?? "balanced") ?? "Balanced"}”`;
    const colour =
      setup.references.length && setup.style ? `, with the colour of “${name(styles, setup.style)}”` : "";
    return `Mastered ${how}${colour}${setup.target ? `, for ${name(targets, setup.target)}` : ""}.`;
  }

  return { element, render, sentence };
}
