/**
 * Weight decay: a penalty on the loss, or a shrinking of the weights beside the step.
 *
 * @module
 */

import type { Backend } from "../../backend/backend.ts";
import { columnsOf, type Matrix } from "../../core/matrix.ts";
import { checkChoice, checkKnownKeys, checkSchedule } from "../../core/options.ts";
import type { Parameter } from "../../core/parameter.ts";
import { type Schedule, valueAt } from "../../core/schedule.ts";

/** The two halves of a homogeneous weight matrix. */
export type ParameterPart = "weights" | "bias";

/**
 * - `l2`: `value * W` is added to the gradient, so that it is preconditioned like the loss.
 * - `decoupled`: `W <- W - learningRate * annealing * value * W` beside the step (Loshchilov & Hutter
 *   2019).
 */
export interface WeightDecay {
  /** Which of the two. */
  readonly kind: "l2" | "decoupled";
  /** Strength, >= 0. */
  readonly value: Schedule;
  /** Which parts of which parameters decay. @default {(_, part) => part === "weights"} */
  readonly include?: (parameter: Parameter, part: ParameterPart) => boolean;
}

/**
 * Checks a weight decay and completes it.
 *
 * @throws {OptionError} On an unknown key or kind, or a value below 0.
 */
export function resolveWeightDecay(
  subject: string,
  decay: WeightDecay | false,
): Required<WeightDecay> | false {
  if (decay === false) return false;
  checkKnownKeys(subject, decay, ["kind", "value", "include"], "weightDecay.");
  return {
    kind: checkChoice(subject, "weightDecay.kind", decay.kind, ["l2", "decoupled"]),
    value: checkSchedule(subject, "weightDecay.value", decay.value, { min: 0 }),
    include: decay.include ?? ((_, part) => part === "weights"),
  };
}

/** Adds the gradient of the penalty, `value * W`, to the gradient. */
export function addPenaltyGradient(
  backend: Backend,
  parameter: Parameter,
  decay: Required<WeightDecay>,
  step: number,
): void {
  const strength = valueAt(decay.value, step);
  for (const [from, to] of includedColumns(parameter, decay)) {
    const weights = columnsOf(parameter.value, from, to);
    backend.axpby(columnsOf(parameter.gradient, from, to), strength, weights, 1);
  }
}

/** `W <- (1 - rate * value) W`. */
export function shrink(
  backend: Backend,
  parameter: Parameter,
  decay: Required<WeightDecay>,
  numbers: { readonly rate: number; readonly step: number },
): void {
  const factor = 1 - numbers.rate * valueAt(decay.value, numbers.step);
  for (const [from, to] of includedColumns(parameter, decay)) {
    const weights: Matrix = columnsOf(parameter.value, from, to);
    backend.axpby(weights, factor, weights, 0);
  }
}

function includedColumns(
  parameter: Parameter,
  { include }: Required<WeightDecay>,
): (readonly [from: number, to: number])[] {
  const { layer, value: { cols } } = parameter;
  const hasBias = layer.kind === "conv2d"
    ? layer.geometry.bias
    : layer.kind === "dense" && layer.bias;
  const split = hasBias ? cols - 1 : cols;
  const weights = include(parameter, "weights");
  const bias = hasBias && include(parameter, "bias");
  if (weights && bias) return [[0, cols]];
  return [
    ...(weights ? [[0, split] as const] : []),
    ...(bias ? [[split, cols] as const] : []),
  ];
}
