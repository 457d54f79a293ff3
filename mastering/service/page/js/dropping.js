// Files dropped anywhere on the page; the view that is shown says what to do with them.

let take = null;

/** Sets who takes dropped files: `listener(files, tile)`, tile being the data-drop of the element under them. */
export function takeFiles(listener) {
  take = listener;
}

/** Starts listening, once. */
export function onFiles() {
  const veil = document.getElementById("veil");
  const carries = (event) => take && event.dataTransfer?.types.includes("Files");
  let depth = 0;
  const lift = (by) => {
    depth = by ? Math.max(0, depth + by) : 0;
    veil.hidden = depth === 0;
  };
  addEventListener("dragenter", (event) => carries(event) && (event.preventDefault(), lift(1)));
  addEventListener("dragleave", (event) => carries(event) && lift(-1));
  addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    mark(event.target.closest?.("[data-drop]"));
  });
  addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    const tile = event.target.closest?.("[data-drop]");
    lift(0);
    mark(null);
    take([...event.dataTransfer.files], tile?.dataset.drop ?? "songs");
  });
}

function mark(tile) {
  for (const one of document.querySelectorAll(".over")) if (one !== tile) one.classList.remove("over");
  tile?.classList.add("over");
}

/** A button that opens the system's file chooser. */
export function chooser(text, { multiple = false, onChoose, describedBy }) {
  const input = document.createElement("input");
  Object.assign(input, {
    type: "file",
    multiple,
    hidden: true,
    accept: "audio/*,.wav,.flac,.aif,.aiff,.mp3,.m4a,.ogg,.opus,.wma,.mka",
  });
  input.tabIndex = -1;
  input.setAttribute("aria-hidden", "true");
  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: text });
  if (describedBy) button.setAttribute("aria-describedby", describedBy);
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    onChoose([...input.files]);
    input.value = "";
  });
  return [button, input];
}
