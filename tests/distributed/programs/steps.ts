/** Steps of optimizers, each rank with its part of every batch. */

import { type Backend, createBackendSync } from "@tekfac/tekfac/backend";
import { type Matrix, Random } from "@tekfac/tekfac/core";
import type { Group } from "@tekfac/tekfac/distributed";
import {
  conv2d,
  dense,
  dropout,
  flatten,
  layerNorm,
  objective,
  relu,
  type Sequential,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import { type OptimizerName, optimizers } from "@tekfac/tekfac/optim";

/** What is trained, and how. */
export interface StepsCase {
  readonly optimizer: OptimizerName;
  readonly options?: Record<string, unknown>;
  readonly backend: "reference" | "wasm";
  readonly steps: number;
  /** Examples of each micro-batch of a step, of all ranks together. */
  readonly sizes: readonly number[];
  /** Share of what dropout drops. @default {0} */
  readonly dropped?: number;
}

/** What came of it. */
export interface StepsResult {
  readonly losses: readonly number[];
  /** What else a step reports. */
  readonly numbers: readonly (number | string)[];
  readonly weights: readonly number[];
  /** What is done when, and by whom, in words. */
  readonly plan: string;
}

const FEATURES = 36;
const CLASSES = 3;

/** Wide enough for blocks of low rank beside full ones, with a convolution and scales above shifts. */
function modelOf(backend: Backend, dropped: number): Sequential {
  return sequential(backend, {
    input: [6, 6, 1],
    layers: [
      ...(dropped > 0 ? [dropout(dropped)] : []),
      conv2d(4, { kernel: 3 }),
      relu(),
      flatten(),
      dense(40),
      layerNorm(),
      tanh(),
      ...(dropped > 0 ? [dropout(dropped)] : []),
      dense(CLASSES),
    ],
    seed: 3,
  });
}

/** The examples of a rank in a batch: in turn, as the joined batch has them. */
export function partOf(
  seed: number,
  examples: number,
  { rank, size }: Pick<Group, "rank" | "size">,
): { inputs: number[]; targets: number[] } {
  const random = new Random(seed);
  const inputs: number[] = [];
  const targets: number[] = [];
  for (let n = 0; n < examples; n++) {
    const x = Array.from({ length: FEATURES }, (_, i) => random.normal() * (1 + i % 3));
    const label = x[0] + x[7] > 1 ? 2 : x[1] > 0 ? 1 : 0;
    if (n % size !== rank) continue;
    inputs.push(...x);
    targets.push(label);
  }
  return { inputs, targets };
}

/** Takes the steps of a case, in a group or alone. */
export function stepsOf(
  { optimizer: name, options = {}, backend: prefer, steps, sizes, dropped = 0 }: StepsCase,
  group?: Group,
): StepsResult {
  using backend = createBackendSync({ prefer: [prefer] });
  using model = modelOf(backend, dropped);
  const goal = objective(model, softmaxCrossEntropy());
  const own = group ?? { rank: 0, size: 1 };
  using optimizer = optimizers[name](goal, { ...options, ...(group && { group }) });
  const losses: number[] = [];
  const numbers: (number | string)[] = [];
  for (let step = 0; step < steps; step++) {
    const batches = sizes.map((size, i) => partOf(100 * step + i, size, own));
    const report = optimizer.stepSync(...batches);
    losses.push(report.loss);
    const { examples, clipFactor, limitedBy, gradientNorm, innerProduct, curvature } = report;
    numbers.push(examples, clipFactor, limitedBy, gradientNorm, innerProduct, curvature ?? "none");
    numbers.push(...report.layers.map(({ damping }) => damping ?? "none"));
  }
  const read = (m: Matrix) => [...backend.readSync(m)];
  const weights = model.parameters.flatMap(({ value }) => read(value));
  return { losses, numbers, weights, plan: optimizer.preconditioner.plan };
}

export default (group: Group, cases: unknown): StepsResult[] =>
  (cases as readonly StepsCase[]).map((each) => stepsOf(each, group));
