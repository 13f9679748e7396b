/** What becomes of steps that one rank cannot take. */

import { createBackendSync } from "@tekfac/tekfac/backend";
import type { Group } from "@tekfac/tekfac/distributed";
import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";

/** What one rank saw. */
export interface Seen {
  /** Names of the errors of three steps that only rank 1 spoils, and of one with other weights on rank 1. */
  readonly errors: readonly string[];
  /** Whether the weights after them were what they had been. */
  readonly unchanged: readonly boolean[];
  /** Loss of a good step after all that is put right. */
  readonly loss: number;
  /** What is said where ranks have other weights. */
  readonly message: string;
}

export default function (group: Group): Seen {
  using backend = createBackendSync({ prefer: ["wasm"] });
  const build = (seed: number) =>
    sequential(backend, { input: [2], layers: [dense(3), dense(1)], seed });
  using model = build(1);
  using optimizer = tekfac(objective(model, squaredError()), {
    ...{ group, workerFraction: 1 / 2 },
  });
  const weights = () => model.parameters.flatMap(({ value }) => [...backend.readSync(value)]);
  const good = { inputs: [1, 2, group.rank, 1], targets: [1, group.rank] };
  const spoilt = [
    { inputs: [1, NaN, 0, 1], targets: [1, 0] }, // refused
    { inputs: [1, 2, 3], targets: [1, 0] }, // refused
    { inputs: [1e30, 1e30, 1, 1], targets: [1, 0] }, // overflows
  ];
  optimizer.stepSync(good);
  const errors: string[] = [];
  const unchanged: boolean[] = [];
  for (const bad of spoilt) {
    const before = weights();
    try {
      optimizer.stepSync(group.rank === 1 ? bad : good);
      errors.push("none");
    } catch (error) {
      errors.push((error as Error).name);
    }
    unchanged.push(weights().every((weight, i) => weight === before[i]));
  }
  const { loss } = optimizer.stepSync(good);

  using other = build(1 + group.rank);
  using apart = tekfac(objective(other, squaredError()), { group });
  let message = "";
  try {
    apart.stepSync(good);
  } catch (error) {
    message = (error as Error).message;
  }
  return { errors, unchanged, loss, message };
}
