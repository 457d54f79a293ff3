// What can be adjusted: each with its unit, its range, and what the master already has.

import { insertsOf, toBody } from "./inserts.js";

const TONE = [
  {
    key: "bass_db",
    title: "Bass",
    about: "below 120 Hz",
    band: { frequency_hz: 120, q: 0.707, shape: "low_shelf" },
  },
  {
    key: "body_db",
    title: "Body",
    about: "around 350 Hz",
    band: { frequency_hz: 350, q: 0.8, shape: "peak" },
  },
  {
    key: "presence_db",
    title: "Presence",
    about: "around 2.8 kHz",
    band: { frequency_hz: 2800, q: 0.8, shape: "peak" },
  },
  {
    key: "air_db",
    title: "Air",
    about: "above 9 kHz",
    band: { frequency_hz: 9000, q: 0.707, shape: "high_shelf" },
  },
];

/** The controls of a master, with the values it was made with as their defaults. */
export function controlsFor(delivery) {
  return [
    {
      key: "amount_percent",
      group: "amount",
      title: "Amount",
      about: "0 % is your mix",
      unit: "%",
      low: 0,
      high: 150,
      step: 1,
      decimals: 0,
      initial: 100,
    },
    ...TONE.map(({ key, title, about }) => ({
      key,
      group: "tone",
      title,
      about,
      unit: "dB",
      low: -6,
      high: 6,
      step: 0.1,
      decimals: 1,
      initial: 0,
      signed: true,
    })),
    {
      key: "compression_percent",
      group: "shape",
      title: "Compression",
      about: "depth",
      unit: "%",
      low: 0,
      high: 200,
      step: 1,
      decimals: 0,
      initial: 100,
    },
    {
      key: "width_percent",
      group: "shape",
      title: "Width",
      about: "0 is mono",
      unit: "%",
      low: 0,
      high: 200,
      step: 1,
      decimals: 0,
      initial: 100,
    },
    {
      key: "integrated_lufs",
      group: "level",
      title: "Loudness",
      about: "whole song",
      unit: "LUFS",
      low: -24,
      high: -6,
      step: 0.1,
      decimals: 1,
      initial: delivery.integrated_lufs,
    },
    {
      key: "ceiling_dbtp",
      group: "level",
      title: "Ceiling",
      about: "highest true peak",
      unit: "dBTP",
      low: -6,
      high: 0,
      step: 0.1,
      decimals: 1,
      initial: delivery.ceiling_dbtp,
    },
  ];
}

/** The values a master begins with, and the plug-ins it was made with. */
export function initialValues(controls, recipe) {
  const numbers = Object.fromEntries(controls.map(({ key, initial }) => [key, initial]));
  return { ...numbers, inserts: insertsOf(recipe) };
}

/** Values as the service's `adjust`; only what differs from the master is named. */
export function toAdjust(values, controls, initial) {
  const adjust = {};
  const tone = TONE.filter(({ key }) => values[key]).map(({ key, band }) => ({
    ...band,
    gain_db: values[key],
  }));
  if (tone.length) adjust.tone = tone;
  for (const { key, group, initial } of controls)
    if (group !== "tone" && values[key] !== initial) adjust[key] = values[key];
  if (JSON.stringify(values.inserts) !== JSON.stringify(initial.inserts))
    adjust.inserts = values.inserts.map(toBody);
  return adjust;
}
