/** Bytes that steps hand over for sums. */

import { createBackendSync } from "@tekfac/tekfac/backend";
import type { Group } from "@tekfac/tekfac/distributed";
import { dense, objective, sequential, squaredError, tanh } from "@tekfac/tekfac/nn";
import { sgd, tekfac } from "@tekfac/tekfac/optim";

/** What is trained. */
export interface TrafficCase {
  /** Of a network of dense layers. */
  readonly widths: readonly number[];
  readonly method: "sgd" | "low rank" | "full";
  /** Share of the ranks that make each direction. */
  readonly workerFraction: number;
}

/** Bytes per step, on average over steps 100 to 199: all intervals divide a hundred. */
export default function (group: Group, argument: unknown): number {
  const { widths, method, workerFraction } = argument as TrafficCase;
  using backend = createBackendSync({ prefer: ["wasm"] });
  const [input, ...hidden] = widths;
  const layers = hidden.flatMap((width) => [dense(width), tanh()]);
  using model = sequential(backend, { input: [input], layers, seed: 1 });
  const goal = objective(model, squaredError());
  using optimizer = method === "sgd" ? sgd(goal, { group }) : tekfac(goal, {
    group,
    workerFraction,
    ...(method === "low rank" ? {} : { rank: "full" }),
  });
  const examples = 8;
  const inputs = Float32Array.from(
    { length: examples * input },
    (_, i) => Math.sin(i + group.rank),
  );
  const targets = new Float32Array(examples * widths.at(-1)!);
  let before = 0;
  for (let step = 0; step < 200; step++) {
    if (step === 100) before = group.traffic.bytes;
    optimizer.stepSync({ inputs, targets });
  }
  return (group.traffic.bytes - before) / 100;
}
