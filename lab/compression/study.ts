/**
 * How much a trained classifier can lose: loss against what is left out, by the curvature and by magnitudes.
 *
 * @module
 */

import { compress, type Curvature, curvatureOf, prune } from "@tekfac/tekfac/analysis";
import type { Backend } from "@tekfac/tekfac/backend";
import { cosine } from "@tekfac/tekfac/core";
import { batches, type DatasetSplit, type ImageDataset } from "@tekfac/tekfac/data";
import {
  type BatchLike,
  mlp,
  type ModelObjective,
  objective,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { fit } from "@tekfac/tekfac/training";

/** What is studied. */
export interface CompressionStudy {
  readonly hidden: readonly number[];
  readonly epochs: number;
  readonly seed: number;
  /** Shares of the weights that are left out. */
  readonly shares: readonly number[];
  /** Ranks of the first layer. */
  readonly ranks: readonly number[];
}

/** What was left of the model. */
export interface Remainder {
  readonly way: string;
  /** What was left out, or kept. */
  readonly amount: string;
  readonly loss: number;
  readonly accuracy: number;
}

/** Trains once and leaves out. */
export async function studyCompression(
  backend: Backend,
  data: DatasetSplit<ImageDataset>,
  { hidden, epochs, seed, shares, ranks }: CompressionStudy,
): Promise<Remainder[]> {
  const loss = softmaxCrossEntropy();
  using model = sequential(backend, { input: data.train.shape, layers: mlp({ hidden }), seed });
  await fit(model, loss, data, {
    optimizer: tekfac,
    ...{ annealing: cosine, epochs, batchSize: 128, seed },
    observer: { onNote: () => {} },
  });
  const goal = objective(model, loss);
  using curvature = await curvatureOf(goal, data.train);
  const weights = model.parameters.map(({ value }) => backend.readSync(value));
  const rows: Remainder[] = [judged("whole", "", goal, data.test)];
  const note = (way: string, amount: string) => {
    rows.push(judged(way, amount, goal, data.test));
    model.parameters.forEach(({ value }, l) => backend.write(value, weights[l]));
  };
  for (const share of shares) {
    const amount = `${100 * share} % of the weights out`;
    await prune(curvature, { share });
    note("curvature, the others make up", amount);
    await prune(curvature, { share, compensate: false });
    note("curvature", amount);
    byMagnitude(model, share);
    note("magnitude", amount);
    await prune(curvature, { share, unit: "directions" });
    note("directions of the eigenbasis", amount.replace("weights", "directions"));
  }
  for (const share of shares.filter((share) => share <= 0.8)) {
    await prune(curvature, { share, unit: "channels" });
    note("channels by curvature", `${100 * share} % of the hidden units out`);
  }
  const [{ name, value }] = model.parameters;
  for (const rank of ranks.filter((rank) => rank <= Math.min(value.rows, value.cols))) {
    using thin = await compress(curvature, { [name]: rank });
    rows.push(judged("low rank by curvature", `rank ${rank}`, objective(thin, loss), data.test));
    using plain = await withoutCurvature(curvature, () => compress(curvature, { [name]: rank }));
    rows.push(judged("low rank of the weights", `rank ${rank}`, objective(plain, loss), data.test));
  }
  return rows;
}

function judged(way: string, amount: string, goal: ModelObjective, data: ImageDataset): Remainder {
  const { loss, accuracy } = goal.evaluateSync(batches(data, { size: 500 }));
  return { way, amount, loss, accuracy: accuracy! };
}

/** Sets the smallest weights of all layers to zero; biases stay. */
function byMagnitude({ backend, parameters }: Sequential, share: number): void {
  const sizes = parameters.flatMap(({ value }) =>
    [...backend.readSync(value)].flatMap((w, i) =>
      i % value.cols === value.cols - 1 ? [] : Math.abs(w)
    )
  ).sort((a, b) => a - b);
  const least = sizes[Math.round(share * sizes.length)];
  for (const { value } of parameters) {
    const w = Float32Array.from(
      backend.readSync(value),
      (w, i) => i % value.cols === value.cols - 1 || Math.abs(w) >= least ? w : 0,
    );
    backend.write(value, w);
  }
}

/** With all eigenvalues alike: the singular values are then those of the weights. */
async function withoutCurvature<T>(
  { backend, layers: [{ block }] }: Curvature<BatchLike>,
  body: () => Promise<T>,
): Promise<T> {
  const { eigenvalues } = block.eigenbasis!;
  const before = backend.readSync(eigenvalues);
  backend.write(eigenvalues, new Float32Array(before.length).fill(1));
  try {
    return await body();
  } finally {
    backend.write(eigenvalues, before);
  }
}
