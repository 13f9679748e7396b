/**
 * Schedule-free AdamW in plain loops (Defazio et al. 2024, alg. 1): X, Y and Z kept apart.
 *
 * @module
 */

import { combine, map, type Rows } from "./dense.ts";
import { differentiate, type Regression, zeros } from "./regression.ts";

/** Hyperparameters of schedule-free AdamW. */
export interface ScheduleFreeHyper {
  readonly steps: number;
  readonly lr: number;
  /** Steps over which the rate grows from `lr / warmup` to lr. */
  readonly warmup: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled, weights and biases. */
  readonly weightDecay: number;
}

/** What came of it: losses at Y before each step, and both weights at the end. */
export interface ScheduleFreeCourse {
  readonly losses: number[];
  readonly x: Rows[];
  readonly y: Rows[];
}

/** Trains with schedule-free AdamW. */
export function trainScheduleFree(
  problem: Regression,
  { steps, lr, warmup, beta1, beta2, epsilon, weightDecay }: ScheduleFreeHyper,
): ScheduleFreeCourse {
  let x = [...problem.weights];
  let z = [...problem.weights];
  let v = problem.weights.map(zeros);
  const interpolated = () => z.map((layer, l) => combine(1 - beta1, layer, beta1, x[l]));
  const losses: number[] = [];
  let sum = 0;
  for (let k = 0; k < steps; k++) {
    const y = interpolated();
    const { loss, gradients } = differentiate(problem, y, k);
    losses.push(loss);
    const rate = lr * Math.min(1, (k + 1) / warmup);
    v = v.map((layer, l) =>
      combine(beta2, layer, 1 - beta2, map(gradients[l], (value) => value ** 2))
    );
    const correction = 1 - beta2 ** (k + 1);
    z = z.map((layer, l) =>
      map(layer, (value, i, j) => {
        const adam = gradients[l][i][j] / (Math.sqrt(v[l][i][j] / correction) + epsilon);
        return value - rate * (adam + weightDecay * y[l][i][j]);
      })
    );
    sum += rate ** 2;
    const c = rate ** 2 / sum;
    x = x.map((layer, l) => combine(1 - c, layer, c, z[l]));
  }
  return { losses, x, y: interpolated() };
}
