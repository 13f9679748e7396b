/**
 * Wrong labels, found by what the examples have to say for themselves: some labels are exchanged, a model is trained
 * on all of them, and each score is judged by how many of the wrong ones are among its largest.
 *
 * @module
 */

import {
  curvatureOf,
  type CurvatureOptions,
  type CurvatureSettings,
  selfInfluence,
} from "@tekfac/tekfac/analysis";
import type { Backend } from "@tekfac/tekfac/backend";
import { cosine, Random } from "@tekfac/tekfac/core";
import { batches, examplesIn, type ImageDataset, subset } from "@tekfac/tekfac/data";
import {
  mlp,
  type ModelObjective,
  objective,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac/nn";
import { adam, tekfac } from "@tekfac/tekfac/optim";
import { fit } from "@tekfac/tekfac/training";

/** So much damping that only squared lengths of gradients are left. */
const NO_CURVATURE = 1e12;

/** What is studied. */
export interface MislabelledStudy {
  /** Share of the labels that are exchanged for another class, in (0, 1). */
  readonly wrong: number;
  /** Hidden units of the network. */
  readonly hidden: readonly number[];
  /** What trains it. */
  readonly optimizer: keyof typeof OPTIMIZERS;
  /** Passes over the images. */
  readonly epochs: number;
  /** Examples per step. */
  readonly batchSize: number;
  /** Of labels, weights and order. */
  readonly seed: number;
  /** Share of the examples that may be looked at. */
  readonly looked: number;
  /** Damping as a multiple of the mean eigenvalue. */
  readonly tau: number;
  /** Approximations of the curvature that score; what is summed over epochs is the first one's. */
  readonly methods: readonly CurvatureSettings["method"][];
}

/** One way to score examples. */
export interface Detection {
  /** Its name. */
  readonly score: string;
  /** Share of the wrong labels among the examples with the largest scores. */
  readonly found: number;
}

const OPTIMIZERS = { adam, tekfac };

/** All approximations. */
export const METHODS = ["tekfac", "ekfac", "tkfac", "kfac", "diagonal"] as const;

/** The study, with one seed. */
export async function studyMislabelled(
  backend: Backend,
  clean: ImageDataset,
  study: MislabelledStudy,
): Promise<readonly Detection[]> {
  const { hidden, optimizer, epochs, batchSize, seed, looked, tau, methods } = study;
  const { data, wrong } = withWrongLabels(clean, study);
  using model = sequential(backend, { input: data.shape, layers: mlp({ hidden }), seed });
  const goal = objective(model, softmaxCrossEntropy());
  const influenceBy = async (method: CurvatureSettings["method"]): Promise<Float64Array> => {
    const options: CurvatureOptions = { method, damping: { kind: "relative", tau } };
    using curvature = await curvatureOf(goal, data, options);
    return await selfInfluence(curvature, { train: data });
  };
  // Sums over the epochs' ends: of squared lengths of gradients it is TracIn of an example on itself.
  const [traced, summed] = [0, 0].map(() => new Float64Array(examplesIn(data)));
  await fit(model, softmaxCrossEntropy(), { train: data, test: subset(data, [0]) }, {
    optimizer: OPTIMIZERS[optimizer],
    ...{ annealing: cosine, epochs, batchSize, seed },
    observer: {
      onNote: () => {},
      onEpoch: async () => {
        add(traced, await squaredLengths(goal, data));
        add(summed, await influenceBy(methods[0]));
      },
    },
  });

  const found = (scores: ArrayLike<number>) => shareFound(scores, wrong, looked);
  const rows: Detection[] = [];
  for (const method of methods) {
    rows.push({ score: `self-influence, ${method}`, found: found(await influenceBy(method)) });
  }
  return [
    ...rows,
    { score: `the same, ${methods[0]}, summed over epochs`, found: found(summed) },
    { score: "squared length of the gradient", found: found(await squaredLengths(goal, data)) },
    { score: "the same, summed over epochs (TracIn)", found: found(traced) },
    { score: "loss", found: found(lossesOf(goal, data)) },
  ];
}

/** Exchanges some labels, each for another class. */
export function withWrongLabels(
  clean: ImageDataset,
  { wrong: share, seed }: Pick<MislabelledStudy, "wrong" | "seed">,
): { readonly data: ImageDataset; readonly wrong: ReadonlySet<number> } {
  const random = new Random(seed + 1000);
  const count = examplesIn(clean);
  const wrong = new Set(random.permutation(count).subarray(0, Math.round(share * count)));
  const labels = Uint8Array.from(clean.labels);
  for (const i of wrong) {
    labels[i] = (labels[i] + 1 + random.integer(clean.classes - 1)) % clean.classes;
  }
  return { data: { ...clean, labels, targets: labels }, wrong };
}

/** Share of the chosen examples that are among the largest scores. */
export function shareFound(
  scores: ArrayLike<number>,
  chosen: ReadonlySet<number>,
  looked: number,
): number {
  const order = Array.from(scores, (_, i) => i).sort((i, j) => scores[j] - scores[i]);
  const first = order.slice(0, Math.round(looked * order.length));
  return first.filter((i) => chosen.has(i)).length / chosen.size;
}

function add(sums: Float64Array, values: Float64Array): void {
  values.forEach((value, i) => sums[i] += value);
}

/** `|G_n|^2` of every example, as self-influence of a curvature that counts for nothing. */
async function squaredLengths(goal: ModelObjective, data: ImageDataset): Promise<Float64Array> {
  using curvature = await curvatureOf(goal, subset(data, [0]), { method: "diagonal" });
  const own = await selfInfluence(curvature, { train: data, damping: NO_CURVATURE });
  return own.map((value) => value * NO_CURVATURE);
}

function lossesOf(goal: ModelObjective, data: ImageDataset): number[] {
  const { backend } = goal;
  return Array.from(
    batches(data, { size: 500 }),
    (batch) =>
      backend.scope(
        () => [...backend.readSync(goal.differentiate(batch, undefined, "prediction"))],
      ),
  ).flat();
}
