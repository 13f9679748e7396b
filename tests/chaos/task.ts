/**
 * Small trainings at random, which come out the same whenever they are repeated.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { type Random, Random as Generator } from "@tekfac/tekfac/core";
import {
  type BatchLike,
  batchNorm2d,
  conv2d,
  dense,
  dropout,
  type ExampleShape,
  flatten,
  gpt,
  layerNorm,
  type LayerSpec,
  maxPool2d,
  objective,
  relu,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import {
  adam,
  ekfac,
  exponentialAverage,
  kfac,
  muon,
  type Optimizer,
  saveState,
  sgd,
  soap,
  tekfac,
  tkfac,
} from "@tekfac/tekfac/optim";
import { pick } from "./storm.ts";

/** Numbers a task is made from; plain, so that another process can make the same. */
export interface Task {
  readonly net: keyof typeof NETS;
  readonly method: keyof typeof METHODS;
  readonly options: keyof typeof OPTIONS;
  readonly seed: number;
}

/** Examples of a batch, classes of each. */
const EXAMPLES = 8, CLASSES = 3;

const NETS = {
  dense: { input: [6], layers: () => [dense(9), tanh(), dropout(0.2), dense(CLASSES)] },
  images: {
    input: [6, 6, 1],
    layers: () => [
      conv2d(2, { kernel: 3, bias: false }),
      batchNorm2d(),
      relu(),
      maxPool2d({ kernel: 2 }),
      flatten(),
      dense(5),
      layerNorm(),
      dense(CLASSES),
    ],
  },
  text: {
    input: [4],
    layers: () => gpt({ vocabulary: 5, context: 4, layers: 1, heads: 2, width: 8 }),
  },
} as const satisfies Record<string, { input: ExampleShape; layers(): LayerSpec[] }>;

const METHODS = { tekfac, ekfac, tkfac, kfac, soap, muon, adam, sgd } as const;

/** Options of every method, then those of methods with curvature. */
const OPTIONS = {
  defaults: [{}, {}],
  average: [{ average: exponentialAverage({ decay: 0.9 }) }, {}],
  often: [{}, { intervals: { statistics: 1, basis: 3, eigenvalues: 1 } }],
  background: [{}, {
    intervals: { statistics: 1, basis: 3, eigenvalues: 1 },
    refresh: { kind: "background", delay: 2 },
  }],
} as const;

/** A task at random. */
export function randomTask(random: Random): Task {
  return {
    net: pick(random, Object.keys(NETS) as Task["net"][]),
    method: pick(random, Object.keys(METHODS) as Task["method"][]),
    options: pick(random, Object.keys(OPTIONS) as Task["options"][]),
    seed: random.bits(),
  };
}

/** A task that has begun. */
export interface Training extends Disposable {
  readonly optimizer: Optimizer<BatchLike>;
}

/** Begins a task. */
export function begin(backend: Backend, { net, method, options, seed }: Task): Training {
  const { input, layers } = NETS[net];
  const model = sequential(backend, { input, layers: layers(), seed });
  const [common, curvature] = OPTIONS[options];
  const own = ["tekfac", "ekfac", "tkfac", "kfac"].includes(method) ? curvature : {};
  const make = METHODS[method] as typeof tekfac;
  const optimizer = make(objective(model, softmaxCrossEntropy()), { ...common, ...own });
  const dispose = () => {
    optimizer[Symbol.dispose]();
    model[Symbol.dispose]();
  };
  return { optimizer, [Symbol.dispose]: dispose };
}

/** The batch of a step. */
export function batchOf({ net, seed }: Task, step: number): BatchLike {
  const random = new Generator(seed ^ Math.imul(step + 1, 0x9e3779b9));
  const size = [...NETS[net].input].reduce<number>((product, n) => product * n, 1);
  if (net === "text") {
    const tokens = () => Uint8Array.from({ length: EXAMPLES * size }, () => random.integer(5));
    return { inputs: tokens(), targets: tokens() };
  }
  return {
    inputs: Float32Array.from({ length: EXAMPLES * size }, () => random.normal()),
    targets: Uint8Array.from({ length: EXAMPLES }, () => random.integer(CLASSES)),
  };
}

/** All that a training is, as bytes: weights, averages, curvature, counters, random state. */
export async function stateAfter(
  backend: Backend,
  task: Task,
  steps: number,
): Promise<Uint8Array> {
  using training = begin(backend, task);
  for (let step = 0; step < steps; step++) training.optimizer.stepSync(batchOf(task, step));
  return await saveState(training.optimizer);
}

/** Throws unless both are the same, to the last bit. */
export function checkSame(found: Uint8Array, expected: Uint8Array, task: Task): void {
  const place = found.length === expected.length
    ? found.findIndex((byte, i) => byte !== expected[i])
    : Math.min(found.length, expected.length);
  if (place < 0) return;
  throw new Error(`${JSON.stringify(task)} came out otherwise, from byte ${place} on`);
}
