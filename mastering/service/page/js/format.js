// Numbers as people read them: a real minus, one decimal, the unit behind a space that does not break.

const MINUS = "\u2212";
const SPACE = "\u00a0";

/** A number with its decimals, "−14.0"; "–" where there is none. */
export function number(value, decimals = 1, { signed = false } = {}) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const text = Math.abs(value).toFixed(decimals);
  if (Number(text) === 0) return text;
  return (value < 0 ? MINUS : signed ? "+" : "") + text;
}

/** A number with its unit, "−14.0 LUFS". */
export function measure(value, unit, decimals = 1, options = {}) {
  return `${number(value, decimals, options)}${SPACE}${unit}`;
}

/** Seconds as "3:07", or "1:02:09"; with tenths where asked. */
export function clock(seconds, { tenths = false } = {}) {
  if (!Number.isFinite(seconds)) return "–:––";
  const ticks = Math.max(0, tenths ? Math.floor(seconds * 10) : Math.round(seconds) * 10);
  const [hours, minutes, rest] = [Math.floor(ticks / 36000), Math.floor(ticks / 600) % 60, ticks % 600];
  const tail = `${String(Math.floor(rest / 10)).padStart(2, "0")}${tenths ? `.${rest % 10}` : ""}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** Seconds as a screen reader says them: "1 minute 7 seconds". */
export function spoken(seconds) {
  const [minutes, rest] = [Math.floor(seconds / 60), Math.floor(seconds % 60)];
  const of = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
  return minutes ? `${of(minutes, "minute")} ${of(rest, "second")}` : of(rest, "second");
}

/** Bytes as "12.3 MB". */
export function size(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))}${SPACE}kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)}${SPACE}MB` : `${(bytes / 1e9).toFixed(2)}${SPACE}GB`;
}

/** Hertz as "44.1 kHz". */
export function rate(hz) {
  return hz >= 1000 ? `${Number((hz / 1000).toFixed(2))}${SPACE}kHz` : `${hz}${SPACE}Hz`;
}

/** A time stamp as "just now", "4 min ago" or a date. */
export function ago(stamp) {
  const then = typeof stamp === "number" ? stamp * 1000 : Date.parse(stamp);
  if (!Number.isFinite(then)) return "";
  const seconds = (Date.now() - then) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(then).toLocaleDateString(undefined, { day: "numeric", month: "short", year: "numeric" });
}

/** "1 song", "3 songs". */
export function count(many, word) {
  return `${many} ${word}${many === 1 ? "" : "s"}`;
}

/** A file's name as a title: without its suffix, with spaces for underscores. */
export function bare(name) {
  return (
    name
      .replace(/\.[a-z0-9]{1,5}$/i, "")
      .replaceAll("_", " ")
      .trim() || name
  );
}

/** A job's label as a title: a song's name, "Tide and 2 more". */
export function jobTitle({ label, songs = [] }) {
  const first = /^(?:album|batch) of \d+: (.*), \.\.\.$/.exec(label);
  return first ? `${bare(first[1])} and ${songs.length - 1} more` : bare(label);
}

/** What went wrong as a whole sentence; `about` is a file whose name need not be said again. */
export function sentence(text, about = "") {
  const said = about && text.startsWith(`${about}: `) ? text.slice(about.length + 2) : text;
  const begun = /^[a-z]+[\s,]/.test(said) ? said[0].toUpperCase() + said.slice(1) : said;
  return !begun || /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
