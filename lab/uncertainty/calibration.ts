/**
 * How well probabilities and intervals keep their word.
 *
 * @module
 */

/** Probabilities [N, K] with the labels that came. */
export interface Judged {
  readonly probabilities: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

/** Mean of minus the logarithms of the labels' probabilities. */
export function negativeLogLikelihood({ probabilities, labels }: Judged): number {
  const k = probabilities.length / labels.length;
  let sum = 0;
  for (let n = 0; n < labels.length; n++) {
    sum -= Math.log(Math.max(probabilities[n * k + labels[n]], 1e-30));
  }
  return sum / labels.length;
}

/** The largest probability of each example, and whether its class is the label. */
function verdicts({ probabilities, labels }: Judged): { confidence: number; right: boolean }[] {
  const k = probabilities.length / labels.length;
  return Array.from(labels, (label, n) => {
    let best = 0;
    for (let c = 1; c < k; c++) {
      if (probabilities[n * k + c] > probabilities[n * k + best]) best = c;
    }
    return { confidence: probabilities[n * k + best], right: best === label };
  });
}

/** Share of the examples whose most probable class is the label. */
export function accuracyOf(judged: Judged): number {
  const all = verdicts(judged);
  return all.filter(({ right }) => right).length / all.length;
}

/**
 * Expected calibration error: mean distance between confidence and accuracy over bins of equal width (Guo et al.
 * 2017, arXiv 1706.04599, eq. 3).
 */
export function calibrationError(judged: Judged, bins = 15): number {
  const all = verdicts(judged);
  const gaps = new Float64Array(bins);
  for (const { confidence, right } of all) {
    gaps[Math.min(bins - 1, Math.floor(bins * confidence))] += confidence - (right ? 1 : 0);
  }
  return gaps.reduce((sum, gap) => sum + Math.abs(gap), 0) / all.length;
}

/** The largest probability of each row of K. */
export function confidences(probabilities: ArrayLike<number>, k: number): number[] {
  return Array.from({ length: probabilities.length / k }, (_, n) => {
    let most = 0;
    for (let c = 0; c < k; c++) most = Math.max(most, probabilities[n * k + c]);
    return most;
  });
}

/** The probability that a number of the first kind is larger than one of the second, ties counting half. */
export function areaUnderCurve(first: readonly number[], second: readonly number[]): number {
  const sorted = Float64Array.from(second).sort();
  const below = (x: number, ties: boolean): number => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] < x || (ties && sorted[middle] === x)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const wins = first.reduce((sum, x) => sum + (below(x, false) + below(x, true)) / 2, 0);
  return wins / (first.length * second.length);
}

/** `softmax(z / T)` of every row of K. */
export function tempered(outputs: ArrayLike<number>, k: number, temperature: number): Float64Array {
  const out = Float64Array.from(outputs, (z) => z / temperature);
  for (let from = 0; from < out.length; from += k) {
    const row = out.subarray(from, from + k);
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    let sum = 0;
    row.forEach((z, c) => sum += row[c] = Math.exp(z - most));
    row.forEach((p, c) => row[c] = p / sum);
  }
  return out;
}

/** The temperature with which labels are most likely, between 1/20 and 20, by golden sections of its logarithm. */
export function bestTemperature(outputs: ArrayLike<number>, labels: ArrayLike<number>): number {
  const k = outputs.length / labels.length;
  const loss = (log: number) =>
    negativeLogLikelihood({ probabilities: tempered(outputs, k, Math.exp(log)), labels });
  const golden = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [-3, 3];
  for (let step = 0; step < 30; step++) {
    const [a, b] = [high - golden * (high - low), low + golden * (high - low)];
    if (loss(a) < loss(b)) high = b;
    else low = a;
  }
  return Math.exp((low + high) / 2);
}

/** Share of targets within `z` deviations of what was predicted. */
export function coverageOf(
  outputs: ArrayLike<number>,
  deviations: ArrayLike<number>,
  targets: ArrayLike<number>,
  z: number,
): number {
  let inside = 0;
  for (let i = 0; i < targets.length; i++) {
    if (Math.abs(targets[i] - outputs[i]) <= z * deviations[i]) inside++;
  }
  return inside / targets.length;
}
