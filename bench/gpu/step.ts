/**
 * Steps of SGD and TEKFAC that wait for nothing, over whole cycles of the intervals 10 / 100 / 10.
 *
 * @module
 */

import {
  type ModelObjective,
  objective,
  type Optimizer,
  sequential,
  sgd,
  tekfac,
} from "@tekfac/tekfac";
import type { BatchLike } from "@tekfac/tekfac";
import type { Backend } from "@tekfac/tekfac/backend";
import { median } from "../statistics.ts";
import { batchesFor, type BenchModel, layerSpecs, lossOf } from "../step/models.ts";
import { INTERVALS } from "../step/rhythm.ts";

/** Steps after which everything has been due as often as its interval says. */
const CYCLE = 100;

/** Milliseconds of an average step. */
export interface GpuStepTimes {
  readonly sgd: number;
  readonly tekfac: number;
}

/**
 * Times both optimizers in turns.
 *
 * The first cycle warms up and is checked: equal first losses, and less loss at its end.
 *
 * @param seconds After which no further cycle is begun.
 * @throws {Error} When a loss is not what it should be.
 */
export async function measureGpuSteps(
  backend: Backend,
  model: BenchModel,
  batchSize: number,
  seconds: number,
): Promise<GpuStepTimes> {
  using stack = new DisposableStack();
  const data = batchesFor(model, batchSize);
  const build = (create: (goal: ModelObjective) => Optimizer<BatchLike>) => {
    const network = stack.use(
      sequential(backend, { input: model.input, layers: layerSpecs(model), seed: 1 }),
    );
    return stack.use(create(objective(network, lossOf(model))));
  };
  const runs = [
    build((goal) => sgd(goal, { learningRate: model.sgdRate })),
    build((goal) => tekfac(goal, { denseStart: false, annealing: 0.02, intervals: INTERVALS })),
  ];
  const losses: number[] = [];
  for (const optimizer of runs) losses.push(await checkedCycle(optimizer, data));
  if (Math.abs(losses[0] / losses[1] - 1) > 1e-5) {
    throw new Error(`Wrong steps: first losses ${losses[0]} of SGD and ${losses[1]} of TEKFAC`);
  }
  const times: number[][] = runs.map(() => []);
  const end = performance.now() + 1000 * seconds;
  do {
    for (const [i, optimizer] of runs.entries()) {
      await backend.flush();
      const start = performance.now();
      for (let step = 0; step < CYCLE; step++) await optimizer.step(data[step % data.length]);
      await backend.flush();
      times[i].push((performance.now() - start) / CYCLE);
    }
  } while (performance.now() < end);
  const [sgdMs, tekfacMs] = times.map(median);
  return { sgd: sgdMs, tekfac: tekfacMs };
}

/** The first cycle; returns the first loss. The mean over all batches has to become less. */
async function checkedCycle(
  optimizer: Optimizer<BatchLike>,
  data: readonly BatchLike[],
): Promise<number> {
  const losses: number[] = [];
  for (let step = 0; step < CYCLE; step++) {
    const handle = await optimizer.step(data[step % data.length]);
    losses.push((await handle.report()).loss);
  }
  const mean = (part: readonly number[]): number => part.reduce((a, b) => a + b) / part.length;
  const [first, last] = [losses.slice(0, data.length), losses.slice(-data.length)].map(mean);
  if (!(last < first)) throw new Error(`Wrong steps: mean losses went from ${first} to ${last}`);
  return losses[0];
}
