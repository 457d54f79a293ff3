// News of jobs: one event stream for the page, picked up where it broke off, with a look at the list as the safety net.

import { BASE, TOKEN, all, contact } from "./api.js";

const listeners = new Set();
const known = new Map();
let source = null;
let retry = null;

/** The jobs as last heard of, newest first. */
export function jobs() {
  return [...known.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
}

/** A job as last heard of, which may be later than the answer that told of it. */
export const latest = (job) => ({ ...job, ...known.get(job.id) });

/** Calls `listener(job)` for each change and `listener(null)` after a whole new look. Returns its end. */
export function onJob(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Takes in what an answer said about a job. */
export function learn(job) {
  known.set(job.id, { ...known.get(job.id), ...job });
  for (const listener of listeners) listener(known.get(job.id));
}

/** Takes a job out. */
export function drop(id) {
  known.delete(id);
  for (const listener of listeners) listener(null);
}

/** Looks at all jobs, then follows what happens. */
export async function follow() {
  if (TOKEN) return;
  await look();
  listen();
}

async function look() {
  const items = await all("/jobs?limit=100");
  known.clear();
  for (const job of items) known.set(job.id, job);
  for (const listener of listeners) listener(null);
}

function listen() {
  source?.close();
  clearTimeout(retry);
  let behind = true; // what changed since the last look, before the stream was open, nobody tells
  source = new EventSource(`${BASE}/events`);
  source.addEventListener("job", (event) => learn(JSON.parse(event.data)));
  source.onopen = () => {
    contact(true);
    if (behind) look().catch(() => {});
    behind = false;
  };
  source.onerror = () => {
    behind = true;
    contact(false);
    // The browser takes up a broken stream by itself; one that was refused has to be asked for again.
    if (source.readyState === EventSource.CLOSED) retry = setTimeout(recover, 2000);
  };
}

async function recover() {
  try {
    await look();
    listen();
  } catch {
    retry = setTimeout(recover, 3000);
  }
}
