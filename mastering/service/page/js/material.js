// What a desk shows: the song, its master, the reference, and what was measured of each.

import { BASE, Problem, get } from "./api.js";

/** Collects a job's material; `songId` picks one of an album. */
export async function gather(job, songId) {
  const ids = job.songs;
  const id = songId && ids.includes(songId) ? songId : ids[0];
  const siblings = ids.length > 1 ? await Promise.all(ids.map((one) => get(`/songs/${one}`))) : [];
  const song = siblings.find((one) => one.id === id) ?? (await get(`/songs/${id}`));
  const result = job.results.find((one) => one.role === "master" && (ids.length === 1 || one.song === id));
  if (!result)
    throw new Problem({ detail: "This master is no longer kept.", hint: "Start it again from the song." });
  const reference = await firstReference(job);
  const sources = [
    source("original", "Original", `/songs/${song.id}`, song.name),
    source("master", "Master", `/jobs/${job.id}/results/${encodeURIComponent(result.name)}`, result.name),
    reference && source("reference", "Reference", `/songs/${reference.id}`, reference.name),
  ].filter(Boolean);
  await Promise.all(
    sources.map(async (one) => (one.analysis = await get(`${one.path}/analysis`).catch(() => null))),
  );
  const master = sources[1];
  master.download = `${BASE}${master.path}`;
  return {
    job,
    song,
    siblings,
    result,
    sources,
    master,
    rate_hz: result.sample_rate_hz || song.sample_rate_hz,
    duration_s: song.duration_s,
    numbers: numbersOf(job, song),
  };
}

/** The recipe of the master that a desk shows. */
export function recipeOf({ job, song }) {
  const own = job.results.find((one) => one.role === "recipe" && one.song === song.id);
  return get(
    own ? `/jobs/${job.id}/results/${encodeURIComponent(own.name)}?inline=1` : `/jobs/${job.id}/recipe`,
  );
}

/** Before and after of one song, as the report has them. */
function numbersOf(job, song) {
  const one = job.summary?.songs?.find((entry) => entry.song === song.id) ?? job.summary;
  return { before: one?.before ?? null, after: one?.after ?? null };
}

function source(name, title, path, file) {
  return {
    name,
    title,
    path,
    file,
    listen: `${path}/listen`,
    peaks: (points) => `${path}/peaks?points=${points}`,
  };
}

async function firstReference(job) {
  const id = job.references?.[0];
  return id ? get(`/songs/${id}`).catch(() => null) : null;
}
