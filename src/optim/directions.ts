/**
 * The directions of a step, and the numbers of the layers from which its length follows.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { atLayer } from "../core/at_layer.ts";
import { columnsOf, type Matrix, reshaped, rowsOf } from "../core/matrix.ts";
import { isTrainable } from "../core/parameter.ts";
import { type ParameterSettings, relativeRate } from "./groups.ts";
import type { Objective } from "./objective.ts";
import type { StepObservation } from "./observation.ts";
import type { Preconditioner } from "./preconditioner.ts";
import type { ResolvedStepOptions } from "./step_options.ts";
import type { StepRow } from "./step_row.ts";
import type { StepRules } from "./step_rules.ts";
import type { MomentumState } from "./transforms/momentum.ts";
import type { StepNumbers } from "./transforms/step_length.ts";
import { addPenaltyGradient } from "./transforms/weight_decay.ts";

/** What of an optimizer makes directions. */
export interface Directing {
  /** Has the gradients. */
  readonly objective: Pick<Objective<never>, "backend" | "parameters">;
  /** Turns them into directions. */
  readonly preconditioner: Pick<Preconditioner, "precondition" | "workers" | "noise">;
  /** Averages them before. */
  readonly momentum: MomentumState;
  /** Has the learning rate of all. */
  readonly options: Pick<ResolvedStepOptions, "learningRate">;
  /** Have the decay and rates of their own. */
  readonly settings: readonly ParameterSettings[];
  /** Measure the curvature, and whether steps get ahead; know what losses are counted in. */
  readonly rules: Pick<StepRules, "curvature" | "settling" | "unit">;
}

/**
 * Directions U of a step, and [1, parameters] of `<U, S>`, `|U|^2` and `|W|^2`; scratch memory. Of a parameter
 * whose rate is a times that of all it is a U, and `a^2 <U, S>`. U is as short as `MeasuredCurvature` has it.
 */
export interface Directions {
  /** U, by parameter; `undefined` where it is frozen. */
  readonly directions: readonly (Matrix | undefined)[];
  /** The numbers. */
  readonly numbers: Pick<StepNumbers, "products" | "directions" | "weights">;
}

/** A step whose gradients are known. */
export interface StepNow {
  /** Its number. */
  readonly step: number;
  /** What its gradients are multiplied with, [1, 1]. */
  readonly factor: Matrix | undefined;
  /** Examples of its batch. */
  readonly examples: number;
}

/**
 * Preconditions the (averaged) gradients; before they enter their averages, `Settling` compares them. In the very first
 * step twice, since only directions tell how much damping the noise calls for. Inside the step's scope.
 */
export function directionsOf(
  optimizer: Directing,
  row: Pick<StepRow, "innerProduct" | "loss">,
  { step, factor, examples }: StepNow,
): Directions {
  const { objective: { backend, parameters }, preconditioner, momentum, settings, rules } =
    optimizer;
  rules.settling?.heed(
    parameters.flatMap((parameter, index) => {
      const average = isTrainable(parameter) ? momentum.averageOf(index) : undefined;
      return average === undefined ? [] : [{ gradient: parameter.gradient, average }];
    }),
    examples,
  );
  rules.curvature?.begin();
  momentum.advance(step, factor);
  const sources = parameters.map((parameter, index) => {
    if (!isTrainable(parameter)) return undefined;
    const { weightDecay } = settings[index];
    if (weightDecay !== false && weightDecay.kind === "l2") {
      addPenaltyGradient(backend, parameter, weightDecay, { step, examples });
    }
    return momentum.averaged(index, parameter.gradient);
  });
  const { noise } = preconditioner;
  if (step === 0 && noise !== undefined) {
    backend.scope(() => {
      directionsFrom(optimizer, row, sources, step);
      noise.begin(row.innerProduct, rules.unit ?? row.loss);
    });
  }
  return directionsFrom(optimizer, row, sources, step);
}

/** Directions from what is preconditioned, by parameter. */
function directionsFrom(
  { objective, preconditioner, options, settings, rules }: Directing,
  row: Pick<StepRow, "innerProduct">,
  sources: readonly (Matrix | undefined)[],
  step: number,
): Directions {
  const { backend, parameters } = objective;
  const preconditioned = parameters.map((parameter, index) => {
    const source = sources[index];
    if (source === undefined) return undefined;
    const precondition = () => preconditioner.precondition(index, source, step);
    return { source, direction: atLayer(parameter.name, precondition) };
  });
  preconditioner.workers?.share(
    preconditioned.flatMap((made, index) =>
      made === undefined ? [] : [{ index, direction: made.direction }]
    ),
  );
  // A row per layer: products, and squared norms of directions and weights.
  const table = backend.scratch(parameters.length, 3);
  const directions = parameters.map((parameter, index) => {
    const sums = rowsOf(table, index, index + 1);
    const made = preconditioned[index];
    if (made === undefined) {
      backend.write(sums, [0, 0, 0]);
      return undefined;
    }
    const relative = relativeRate(settings[index].learningRate, options.learningRate, step);
    const direction = scaled(backend, made.direction, relative);
    const share = rules.curvature?.shareOf(index);
    if (share !== undefined) backend.axpby(direction, share, direction, 0);
    backend.stepProducts(sums, direction, made.source, parameter.value);
    if (relative !== 1) {
      // With a U in the place of U, the model's curvature along it is a^2 <U, S>.
      const product = columnsOf(sums, 0, 1);
      backend.axpby(product, relative, product, 0);
    }
    return direction;
  });
  const [products, directionNorms, weights] = [0, 1, 2].map((column) => {
    const out = backend.scratch(parameters.length, 1);
    backend.axpby(out, 1, columnsOf(table, column, column + 1), 0);
    return reshaped(out, 1, parameters.length);
  });
  backend.sum(row.innerProduct, products);
  return { directions, numbers: { products, directions: directionNorms, weights } };
}

function scaled(backend: Backend, direction: Matrix, factor: number): Matrix {
  if (factor === 1) return direction;
  const out = backend.scratch(direction.rows, direction.cols);
  backend.axpby(out, factor, direction, 0);
  return out;
}

/** Looks at the curvature of what has been observed, along the directions; layers without captures do not count. */
export function measureCurvature(
  { objective: { backend }, rules: { curvature } }: Pick<Directing, "objective" | "rules">,
  { captures, whole }: Pick<StepObservation, "captures" | "whole">,
  { directions, numbers: { products } }: Directions,
): void {
  if (curvature === undefined || captures.length === 0) return;
  let seen = products;
  if (captures.includes(undefined)) {
    seen = backend.scratch(1, products.cols);
    backend.axpby(seen, 1, products, 0);
    captures.forEach((capture, index) => {
      if (capture === undefined) backend.write(columnsOf(seen, index, index + 1), [0]);
    });
  }
  curvature.update(captures, directions, seen, whole);
}
