// WAV files read by pieces: the header once, then whole seconds by byte range.

import { Problem, bytesOf, request } from "./api.js";

const HEADER_BYTES = 65536;

/** What a WAV's header says: the fmt chunk itself, rate, bytes of a frame, and where the samples lie. */
function parseHeader(buffer) {
  const view = new DataView(buffer);
  const tag = (at) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  if (buffer.byteLength < 12 || !["RIFF", "RF64"].includes(tag(0)) || tag(8) !== "WAVE") throw unreadable();
  let format = null;
  for (let at = 12; at + 8 <= buffer.byteLength;) {
    const [name, bytes] = [tag(at), view.getUint32(at + 4, true)];
    if (name === "fmt ") format = { at: at + 8, bytes };
    if (name === "data" && format) return header(view, format, at + 8, bytes);
    at += 8 + bytes + (bytes % 2);
  }
  throw unreadable();
}

function header(view, format, dataAt, dataBytes) {
  return {
    format: new Uint8Array(view.buffer.slice(format.at, format.at + format.bytes)),
    channels: view.getUint16(format.at + 2, true),
    rate_hz: view.getUint32(format.at + 4, true),
    frameBytes: view.getUint16(format.at + 12, true),
    bits: view.getUint16(format.at + 14, true),
    isFloat: [
      view.getUint16(format.at, true),
      view.getUint16(format.at + 24 < dataAt ? format.at + 24 : format.at, true),
    ].includes(3),
    dataAt,
    dataBytes,
  };
}

const unreadable = () =>
  new Problem({
    code: "unplayable",
    detail: "This file cannot be played in the browser.",
    hint: "Download it to listen.",
  });

/** A WAV file around samples that were cut out of another. */
export function wrap(head, samples) {
  const formatBytes = head.format.length;
  const file = new Uint8Array(20 + formatBytes + 8 + samples.byteLength);
  const view = new DataView(file.buffer);
  const write = (at, text) => file.set(new TextEncoder().encode(text), at);
  write(0, "RIFF");
  view.setUint32(4, file.length - 8, true);
  write(8, "WAVEfmt ");
  view.setUint32(16, formatBytes, true);
  file.set(head.format, 20);
  write(20 + formatBytes, "data");
  view.setUint32(24 + formatBytes, samples.byteLength, true);
  file.set(new Uint8Array(samples), 28 + formatBytes);
  return file.buffer;
}

/** A WAV on the server, open for pieces. */
export class RemoteWav {
  constructor(path) {
    this.path = path;
  }

  /** Reads the header; once. */
  open() {
    this.opening ??= this.range(0, HEADER_BYTES).then((buffer) => {
      const head = parseHeader(buffer);
      this.frames = Math.floor(head.dataBytes / head.frameBytes);
      this.duration_s = this.frames / head.rate_hz;
      return (this.head = head);
    });
    this.opening.catch(() => (this.opening = undefined));
    return this.opening;
  }

  /** The bytes of frames [first, last). */
  async samples(first, last, signal) {
    const { dataAt, frameBytes } = await this.open();
    const to = Math.min(last, this.frames);
    return to > first
      ? this.range(dataAt + first * frameBytes, dataAt + to * frameBytes, signal)
      : new ArrayBuffer(0);
  }

  async range(from, to, signal) {
    const response = await request(this.path, { headers: { Range: `bytes=${from}-${to - 1}` }, signal });
    const buffer = await bytesOf(response);
    return response.status === 206 ? buffer : buffer.slice(from, to);
  }
}
