// Loudness after ITU-R BS.1770-4: the weighting of the ear, and the gated mean.

/** Coefficients of the two K-weighting filters at a rate, as [feedforward, feedback] for IIRFilterNode. */
export function kWeighting(rate_hz) {
  return [
    shelf(1681.974450955533, 3.999843853973347, 0.7071752369554196, rate_hz),
    highPass(38.13547087602444, 0.5003270373238773, rate_hz),
  ];
}

function shelf(frequency_hz, gain_db, q, rate_hz) {
  const k = Math.tan((Math.PI * frequency_hz) / rate_hz);
  const [high, band] = [10 ** (gain_db / 20), 10 ** ((gain_db / 20) * 0.4996667741545416)];
  const a0 = 1 + k / q + k * k;
  return [
    [(high + (band * k) / q + k * k) / a0, (2 * (k * k - high)) / a0, (high - (band * k) / q + k * k) / a0],
    [1, (2 * (k * k - 1)) / a0, (1 - k / q + k * k) / a0],
  ];
}

function highPass(frequency_hz, q, rate_hz) {
  const k = Math.tan((Math.PI * frequency_hz) / rate_hz);
  const a0 = 1 + k / q + k * k;
  return [
    [1, -2, 1],
    [1, (2 * (k * k - 1)) / a0, (1 - k / q + k * k) / a0],
  ];
}

/** LUFS of a mean square of K-weighted samples, summed over channels. */
export const toLufs = (power) => -0.691 + 10 * Math.log10(power);

/** Integrated loudness of an AudioBuffer; -Infinity for silence. */
export function integrated(buffer) {
  const hop = Math.round(0.1 * buffer.sampleRate);
  const steps = Math.floor(buffer.length / hop);
  const powers = new Float64Array(steps);
  for (let channel = 0; channel < buffer.numberOfChannels; channel++)
    addPowers(buffer.getChannelData(channel), kWeighting(buffer.sampleRate), hop, powers);
  const blocks = [];
  for (let at = 0; at + 4 <= steps; at++)
    blocks.push((powers[at] + powers[at + 1] + powers[at + 2] + powers[at + 3]) / 4);
  const loud = blocks.filter((power) => toLufs(power) > -70);
  const gate = toLufs(mean(loud)) - 10;
  return toLufs(mean(loud.filter((power) => toLufs(power) > gate)));
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length || 0;

function addPowers(samples, [[b, a], [c, d]], hop, powers) {
  let [x1, x2, y1, y2, z1, z2] = [0, 0, 0, 0, 0, 0];
  for (let step = 0, at = 0; step < powers.length; step++) {
    let sum = 0;
    for (const end = at + hop; at < end; at++) {
      const x = samples[at];
      const y = b[0] * x + b[1] * x1 + b[2] * x2 - a[1] * y1 - a[2] * y2;
      const z = c[0] * y + c[1] * y1 + c[2] * y2 - d[1] * z1 - d[2] * z2;
      [x2, x1, y2, y1, z2, z1] = [x1, x, y1, y, z1, z];
      sum += z * z;
    }
    powers[step] += sum / hop;
  }
}
