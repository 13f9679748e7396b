/**
 * Weight decay: a penalty on the loss, or a shrinking of the weights beside the step.
 *
 * @module
 */

import type { Backend, Scalar } from "../../backend/backend.ts";
import { columnsOf, type Matrix, rowsOf } from "../../core/matrix.ts";
import { checkFlag } from "../../core/options.ts";
import { isNormalization, type Parameter } from "../../core/parameter.ts";
import { type Schedule, valueAt } from "../../core/schedule.ts";
import {
  callback,
  isSchedule,
  number,
  off,
  optional,
  type Rule,
  schedule,
  shorthand,
  variant,
} from "../../core/schema.ts";
import type { Rate } from "./rate.ts";

/** The two halves of a homogeneous weight matrix; of a normalisation, its scales and its shifts. */
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
  /**
   * Examples of the steps that `value` is meant for, >= 1: those of more take proportionally more of the weights, at
   * most four times as much, so that an epoch takes as much in batches of any size (Wang & Aitchison 2024, arXiv
   * 2405.13698); `false` where all steps are alike.
   *
   * @default {false}
   */
  readonly batch?: number | false;
  /**
   * Which parts of which parameters decay: `(_, part) => part === "weights"` also takes the scales of
   * normalisations.
   *
   * @default {the weights of all layers but normalisations; no biases}
   */
  readonly include?: (parameter: Parameter, part: ParameterPart) => boolean;
}

const strength = schedule({ min: 0 });
const fields = {
  value: strength,
  batch: optional(off(number({ min: 1 })), false),
  include: optional(
    callback<NonNullable<WeightDecay["include"]>>("a function of parameter and part"),
    weightsOnly,
  ),
};

/** What the option takes. A number alone is decoupled. */
export const weightDecayRule: Rule<Required<WeightDecay> | false> = off(shorthand(
  variant<Required<WeightDecay>>("kind", { l2: fields, decoupled: fields }),
  strength.takes,
  (value) => isSchedule(value) ? { kind: "decoupled", value } : undefined,
));

/**
 * Asks once for every part, so that no step finds out too late what the answer is.
 *
 * @throws {OptionError} When one is neither true nor false.
 */
export function checkIncluded(
  subject: string,
  decay: Required<WeightDecay> | false,
  parameter: Parameter,
): void {
  if (decay === false) return;
  for (const part of ["weights", "bias"] as const) {
    checkFlag(subject, "weightDecay.include", decay.include(parameter, part));
  }
}

/**
 * A layer that is followed by a normalisation gives the same outputs at any scale of its weights, and
 * scales that shrink would take signals away: neither regularises.
 */
function weightsOnly({ layer }: Parameter, part: ParameterPart): boolean {
  return part === "weights" && !isNormalization(layer);
}

/** A step that weights decay in. */
export interface DecayStep {
  /** Its number. */
  readonly step: number;
  /** Examples of its batch. */
  readonly examples: number;
}

/** As many times its value at most a decay can be because steps are of many examples. */
const MOST = 4;

/** The decay's value for the examples of a step. */
function strengthOf(
  { value, batch }: Required<WeightDecay>,
  { step, examples }: DecayStep,
): number {
  const batches = batch === false ? 1 : Math.min(MOST, Math.max(1, examples / batch));
  return batches * valueAt(value, step);
}

/** Adds the gradient of the penalty, `value * W`, to the gradient. Inside a scope. */
export function addPenaltyGradient(
  backend: Backend,
  parameter: Parameter,
  decay: Required<WeightDecay>,
  now: DecayStep,
): void {
  addIncluded(backend, parameter.gradient, parameter, decay, strengthOf(decay, now));
}

/** Share of the weights that a step takes from those that decay: `relative * rate * value`. Inside a scope. */
export function decayShare(
  decay: Required<WeightDecay>,
  { rate, relative, ...now }: DecayNumbers,
): Scalar {
  return rate.times(relative * strengthOf(decay, now));
}

/** What the decay of a step is made of. */
export interface DecayNumbers extends DecayStep {
  /** Length of the step. */
  readonly rate: Rate;
  /** The parameter's learning rate over that of all. */
  readonly relative: number;
}

/** `target <- target - relative * rate * value * W`, of the parts that decay. Inside a scope. */
export function shrink(
  backend: Backend,
  parameter: Parameter,
  decay: Required<WeightDecay>,
  { rate, relative, ...now }: DecayNumbers,
  target: Matrix,
): void {
  const factor = rate.times(-relative * strengthOf(decay, now));
  addIncluded(backend, target, parameter, decay, factor);
}

/** Leading columns of a parameter's matrix that decay; `undefined` where what decays is nothing of the kind. */
export function decayedColumns(
  parameter: Parameter,
  { include }: Required<WeightDecay>,
): number | undefined {
  const { layer, value: { cols } } = parameter;
  const [, bias] = partsOf(parameter);
  const weights = include(parameter, "weights");
  const biases = bias === undefined ? weights : include(parameter, "bias");
  if (weights === biases) return weights ? cols : 0;
  return weights && !isNormalization(layer) ? cols - 1 : undefined;
}

/** `target += factor * (the included part of W)`; the target may be W itself. */
function addIncluded(
  backend: Backend,
  target: Matrix,
  parameter: Parameter,
  { include }: Required<WeightDecay>,
  factor: Scalar,
): void {
  const { value } = parameter;
  const [weights, bias] = partsOf(parameter);
  const included = {
    weights: include(parameter, "weights"),
    bias: bias !== undefined && include(parameter, "bias"),
  };
  if (included.weights && (included.bias || bias === undefined)) {
    return backend.axpby(target, factor, value, 1);
  }
  if (!included.weights && !included.bias) return;
  const part = included.weights ? weights : bias!;
  backend.axpby(part(target), factor, part(value), 1);
}

type View = (m: Matrix) => Matrix;

/** Views of weights and, where there are any, biases of a matrix. */
function partsOf(
  { layer, value: { rows, cols } }: Parameter,
): readonly [weights: View, bias?: View] {
  if (isNormalization(layer)) {
    if (rows === 1) return [(m) => m];
    return [(m) => rowsOf(m, 0, rows - 1), (m) => rowsOf(m, rows - 1, rows)];
  }
  const hasBias = layer.kind === "conv2d"
    ? layer.geometry.bias
    : layer.kind === "dense" && layer.bias;
  if (!hasBias) return [(m) => m];
  return [(m) => columnsOf(m, 0, cols - 1), (m) => columnsOf(m, cols - 1, cols)];
}
