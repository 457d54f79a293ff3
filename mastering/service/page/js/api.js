// The service's HTTP API: one door, one kind of error.

import { sentence } from "./format.js";

const shared = /^\/s\/([^/]+)/.exec(location.pathname);

/** The token of a shared, read-only page; null on the desk itself. */
export const TOKEN = shared ? decodeURIComponent(shared[1]) : null;

/** Where the API lies for this page. */
export const BASE = TOKEN ? `/api/v1/shared/${encodeURIComponent(TOKEN)}` : "/api/v1";

/** What the service refused, in its own words: one sentence and the way out. */
export class Problem extends Error {
  constructor({ detail, title, hint = "", code = "unknown", status = 0, field = null }) {
    super(sentence(detail || title || "The service answered with an error."));
    Object.assign(this, { hint: sentence(hint), code, status, field });
  }
}

const away = () =>
  new Problem({
    code: "offline",
    detail: "The server does not answer.",
    hint: "Your work is kept there. This page tries again by itself.",
  });

const listeners = new Set();

/** Calls `listener(reachable, problem)` whenever the server answered or did not. */
export function onContact(listener) {
  listeners.add(listener);
}

/** Tells that the server answered, or did not. */
export function contact(reachable, problem = null) {
  for (const listener of listeners) listener(reachable, problem);
}

/** A request; resolves to the Response, or rejects with a Problem. */
export async function request(path, options = {}) {
  let response;
  try {
    response = await fetch(path.startsWith("/api/") ? path : BASE + path, {
      credentials: "same-origin",
      ...options,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    contact(false);
    throw away();
  }
  if (response.status === 502 || response.status === 504) {
    contact(false);
    throw away();
  }
  const problem = response.ok ? null : await read(response);
  contact(true, problem);
  if (problem) throw problem;
  return response;
}

async function read(response) {
  const said = await response.json().catch(() => ({}));
  const body = said && typeof said === "object" ? said : {};
  return new Problem({ ...body, status: response.status, code: body.code || `http_${response.status}` });
}

async function json(path, options) {
  const response = await request(path, options);
  return response.status === 204 ? null : response.json().catch(broken);
}

/** The bytes of an answer. */
export const bytesOf = (response) => response.arrayBuffer().catch(broken);

/** An answer that began and did not end: the server went away meanwhile. */
function broken(error) {
  if (!(error instanceof TypeError)) throw error;
  contact(false);
  throw away();
}

const body = (method, value, headers = {}) => ({
  method,
  headers: { "Content-Type": "application/json", ...headers },
  body: JSON.stringify(value),
});

/** GET as JSON. */
export const get = (path, options) => json(path, options);

/** POST a value as JSON. */
export const post = (path, value = {}, { headers, signal } = {}) =>
  json(path, { ...body("POST", value, headers), signal });

/** PUT without a body. */
export const put = (path) => json(path, { method: "PUT" });

/** DELETE. */
export const remove = (path) => json(path, { method: "DELETE" });

/** POST a value, answered by bytes. */
export const postForBytes = (path, value, { signal } = {}) =>
  request(path, { ...body("POST", value), signal });

/** All items of a list, page by page. */
export async function all(path) {
  const items = [];
  let cursor = null;
  do {
    const more = cursor ? `${path.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}` : "";
    const page = await get(path + more);
    items.push(...page.items);
    cursor = page.next_cursor;
  } while (cursor && items.length < 2000);
  return items;
}

/** A new job; sending the same twice (a lost answer) makes one. */
export function createJob(request) {
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
  const send = () => post("/jobs", request, { headers: { "Idempotency-Key": key } });
  return send().catch((problem) => (problem.code === "offline" ? send() : Promise.reject(problem)));
}
