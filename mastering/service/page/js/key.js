// The one question of a service with keys: which is yours?

import { post } from "./api.js";
import { h, fill } from "./dom.js";

/** Asks for an API key in `main` and calls `go` once the service took it. */
export function askForKey(main, go, problem = null) {
  const told = h("p", { class: "missed", role: "alert", id: "key-told" });
  const input = h("input", {
    id: "key",
    type: "password",
    autocomplete: "current-password",
    required: true,
    spellcheck: "false",
    "aria-describedby": "key-told",
  });
  const send = async (event) => {
    event.preventDefault();
    try {
      await post("/session", { key: input.value.trim() });
      await go();
    } catch (refused) {
      told.textContent = `${refused.message} ${refused.hint}`;
      input.select();
    }
  };
  document.title = "Sign in – Tonmeister";
  told.textContent = problem ? "Your session has ended, or the key was withdrawn. Nothing was lost." : "";
  fill(
    main,
    h(
      "section",
      { class: "narrow", "aria-labelledby": "key-title" },
      h("h1", { id: "key-title", text: "Your key, please" }),
      h("p", {
        class: "muted",
        text: "This service is for people with a key. Whoever runs it makes one with “tonmeister serve keys add”.",
      }),
      h(
        "form",
        { on: { submit: send } },
        h("label", { for: "key", text: "Key" }),
        input,
        told,
        h("button", { class: "primary", type: "submit", text: "Open the desk" }),
      ),
    ),
  );
  input.focus();
}
