// Uploads by tus 1.0.0: in pieces, taken up again where they stopped, by the file's own identity.

import { BASE, Problem, request } from "./api.js";
import { recall, remember } from "./store.js";

const PIECE_BYTES = 8 * 1024 * 1024;
const TUS = { "Tus-Resumable": "1.0.0" };
const WAITS_S = [0.5, 1, 2, 4, 8, 15];

/** Uploads a file; `onProgress(share)`. Resolves to the new song's id. */
export async function upload(file, { onProgress = () => {}, signal } = {}) {
  const name = `upload.${file.name}.${file.size}.${file.lastModified}`;
  let failures = 0;
  for (;;) {
    try {
      const song = await attempt(file, name, (share) => ((failures = 0), onProgress(share)), signal);
      remember(name, null);
      return song;
    } catch (error) {
      if (error.name === "AbortError") {
        await forget(name);
        throw error;
      }
      if (!passes(error) || failures >= WAITS_S.length) {
        if (!passes(error)) remember(name, null);
        throw error;
      }
      await pause(WAITS_S[failures++], signal);
    }
  }
}

/** Whether trying again can help: the server away, busy, or a lost place. */
function passes(error) {
  return error.code === "offline" || [409, 423, 429, 460, 503].includes(error.status);
}

async function attempt(file, name, onProgress, signal) {
  let { address, offset } = (await find(name, file, signal)) || (await create(file, name, signal));
  onProgress(offset / file.size);
  for (;;) {
    const piece = file.slice(offset, offset + PIECE_BYTES);
    const response = await request(address, {
      method: "PATCH",
      headers: { ...TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset) },
      body: piece,
      signal,
    });
    offset = Number(response.headers.get("Upload-Offset"));
    onProgress(offset / file.size);
    if (offset >= file.size) return finished(response);
  }
}

function finished(response) {
  const song = response.headers.get("Tonmeister-Song");
  if (!song)
    throw new Problem({ detail: "The upload ended, but the server named no song.", hint: "Drop it again." });
  return song;
}

async function find(name, file, signal) {
  const address = recall(name);
  if (!address) return null;
  try {
    const response = await request(address, { method: "HEAD", headers: TUS, signal });
    const offset = Number(response.headers.get("Upload-Offset"));
    return offset < file.size ? { address, offset } : null;
  } catch (error) {
    if (error.name === "AbortError" || passes(error)) throw error;
    remember(name, null);
    return null;
  }
}

async function create(file, name, signal) {
  const response = await request("/uploads", {
    method: "POST",
    headers: {
      ...TUS,
      "Upload-Length": String(file.size),
      "Upload-Metadata": `filename ${base64(file.name)}`,
    },
    signal,
  });
  const address = new URL(response.headers.get("Location"), location.origin + BASE + "/").pathname;
  remember(name, address);
  return { address, offset: 0 };
}

async function forget(name) {
  const address = recall(name);
  remember(name, null);
  if (address) await request(address, { method: "DELETE", headers: TUS }).catch(() => {});
}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
