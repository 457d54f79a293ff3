// The page: which view an address shows, and what belongs to all views.

import { Problem, TOKEN, get, onContact } from "./api.js";
import { follow } from "./events.js";
import { arrive, h, fill, say } from "./dom.js";
import { onFiles } from "./dropping.js";
import { askForKey } from "./key.js";
import { openHelp } from "./help.js";
import { announceEnds } from "./queue.js";
import { startTheme } from "./theme.js";
import { showHome } from "./home.js";
import { presets } from "./presets.js";

const main = document.getElementById("main");
const banner = document.getElementById("banner");
let about = null;
let known = false;
let leave = () => {};
let latest = null;

/** The desk's modules come when they are needed, or when the first view is there and has nothing to do. */
const loadDesk = () => import("./desk.js").catch(outdated);
const loadShared = () => import("./shared.js").catch(outdated);
const asksForJob = () => location.hash.startsWith("#/job/");

function outdated() {
  throw new Problem({
    code: "page_outdated",
    detail: "A part of this page could not be loaded.",
    hint: "The service may have been renewed or restarted. Loading the page again helps.",
  });
}

async function open(view, id, song) {
  if (TOKEN) return (await loadShared()).showShared(main, about, song);
  if (view === "job" && id) return (await loadDesk()).showDesk(main, about, { id, song });
  const end = await showHome(main, about);
  (window.requestIdleCallback ?? setTimeout)(() => loadDesk().catch(() => {}));
  return end;
}

async function show(change = null) {
  const mine = (latest = {});
  const address = location.hash.split("/").map(decodeURIComponent);
  leave();
  leave = () => {};
  fill(main);
  try {
    const end = await open(...address.slice(1));
    if (latest !== mine) return end(); // somebody went elsewhere meanwhile
    leave = end;
  } catch (problem) {
    if (latest === mine) showProblem(problem);
  }
  const at = document.activeElement;
  if (at === document.body || (change && !main.contains(at))) arrive(main);
}

function showProblem(problem) {
  const words = TOKEN && [401, 403, 404, 410].includes(problem.status) ? ended() : problem;
  const again = problem.code === "page_outdated" ? () => location.reload() : start;
  document.title = "Tonmeister";
  fill(
    main,
    h(
      "section",
      { class: "empty" },
      h("h1", { text: words.message }),
      h("p", { text: words.hint }),
      TOKEN
        ? null
        : h(
            "p",
            {},
            h("button", { class: "primary", type: "button", text: "Try again", on: { click: again } }),
            " ",
            h("a", { class: "button", href: "#/", text: "All music" }),
          ),
    ),
  );
}

const ended = () => ({
  message: "This link has ended.",
  hint: "Shared links are open for a while only, and can be closed. Ask whoever sent it for a new one.",
});

async function start() {
  try {
    (TOKEN ? loadShared() : asksForJob() ? loadDesk() : presets()).catch(() => {}); // needed next
    [about] = await Promise.all([get("/about"), follow()]);
    known = true;
  } catch (problem) {
    if (problem.status === 401 && !TOKEN) return askForKey(main, start);
    return showProblem(problem);
  }
  await show();
}

let silent = null;
onContact((reachable, problem) => {
  const connection = document.getElementById("connection");
  connection.dataset.state = reachable ? "here" : "away";
  say(connection, reachable ? "" : "Reconnecting …");
  if (reachable) {
    clearTimeout(silent);
    [silent, banner.hidden] = [null, true];
  } else silent ??= setTimeout(showAway, 2500);
  if (problem?.status === 401 && known && !TOKEN) {
    known = false;
    leave();
    askForKey(main, start, problem);
  }
});

function showAway() {
  banner.hidden = false;
  say(
    banner,
    "The server does not answer. What was uploaded and started is kept there; this page goes on by itself when it is back.",
  );
}

addEventListener("hashchange", show);
addEventListener("offline", showAway);
addEventListener("online", () => get("/about").catch(() => {})); // a stream that outlived it says nothing
document.getElementById("help-open").addEventListener("click", openHelp);
document.querySelector(".skip").addEventListener("click", (event) => (event.preventDefault(), main.focus()));
startTheme(document.getElementById("theme"));
onFiles();
announceEnds();
start();
