/**
 * What a training step costs in multiplications and additions, and so how much dearer than a plain one
 * a second-order step has to be, if all of it ran at the same rate.
 *
 * Letters: N examples, T locations, dIn' inputs with the homogeneous 1, dOut outputs, P = dIn' dOut.
 * Elementwise work is not counted.
 *
 * @module
 */

import { flopsOf } from "@tekfac/tekfac/backend";
import { locationsOf, type Parameter } from "@tekfac/tekfac/core";
import { presets } from "@tekfac/tekfac/optim";

/** The optimizers that are timed. */
export const METHODS = ["sgd", "adam", "muon", "kfac", "ekfac", "tkfac", "tekfac", "soap"] as const;

/** One of {@linkcode METHODS}. */
export type Method = typeof METHODS[number];

/** Sizes of one layer. */
export interface LayerSizes {
  /** dIn'. */
  readonly dIn: number;
  /** dOut. */
  readonly dOut: number;
  /** T; 1 for a dense layer. */
  readonly locations: number;
  /** Whether a gradient of its inputs is needed: not by the first layer. */
  readonly inputGradient: boolean;
  /** Whether it is the last one, which Muon leaves to Adam. @default {false} */
  readonly last?: boolean;
}

/** Steps between renewals. */
export interface BoundIntervals {
  /** T_FIM. */
  readonly statistics: number;
  /** T_EIG. */
  readonly basis: number;
  /** T_RE. */
  readonly eigenvalues: number;
}

/** Operations of one step, averaged over a cycle of the intervals. */
export interface StepOperations {
  /** Forward and backward pass. */
  readonly gradient: number;
  /** Applying the damped inverse. */
  readonly preconditioning: number;
  /** Second moments of inputs and output gradients. */
  readonly statistics: number;
  /** Theta. */
  readonly eigenvalues: number;
  /** Eigenvectors or inverses. */
  readonly bases: number;
}

/** Muon's default. */
const MUON_ITERATIONS = 5;

/** Layer sizes of a model; its first parameter belongs to the first layer. */
export function layerSizes(parameters: readonly Parameter[]): LayerSizes[] {
  return parameters.map(({ layer, value }, index) => ({
    dIn: value.cols,
    dOut: value.rows,
    locations: layer.kind === "conv2d" ? locationsOf(layer.geometry) : 1,
    inputGradient: index > 0,
    last: index === parameters.length - 1,
  }));
}

/**
 * Operations of a step of one layer.
 *
 * - Gradient: `6 N T P`, a third less where no gradient of the inputs is needed.
 * - Preconditioning in an eigenbasis: `4 P (dIn' + dOut)`; by two inverses, half of that.
 * - Statistics: `N T (dIn'^2 + dOut^2)`, symmetric products counted as one triangle, per T_FIM.
 * - Theta: `2 N (T P + dOut^2 min(T, dIn') + dIn'^2 min(T, dOut))`, which for T larger than the layer is
 *   `2 N P (T + dIn' + dOut)`, per T_RE.
 * - Bases: `9 n^3` for eigenvectors, `n^3` for an inverse, per T_EIG.
 * - SOAP multiplies its gradients instead: `dOut dIn'^2 + 2 dOut^2 dIn'` per T_FIM.
 * - Muon: five iterations of `4 s^2 l + 2 s^3`, s the shorter and l the longer side; not of the last layer, which is
 *   Adam's.
 *
 * @param method The optimizer.
 * @param layer Sizes of the layer.
 * @param examples N.
 * @param intervals T_FIM, T_EIG, T_RE.
 */
export function layerOperations(
  method: Method,
  layer: LayerSizes,
  examples: number,
  intervals: BoundIntervals,
): StepOperations {
  const { dIn, dOut, locations, inputGradient } = layer;
  const weights = dIn * dOut;
  const rows = examples * locations;
  const gradient = (inputGradient ? 6 : 4) * rows * weights;
  if (method === "sgd" || method === "adam") {
    return { gradient, preconditioning: 0, statistics: 0, eigenvalues: 0, bases: 0 };
  }
  if (method === "muon") {
    const [short, long] = [Math.min(dIn, dOut), Math.max(dIn, dOut)];
    const iteration = 4 * short ** 2 * long + 2 * short ** 3;
    const preconditioning = layer.last ? 0 : MUON_ITERATIONS * iteration;
    return { gradient, preconditioning, statistics: 0, eigenvalues: 0, bases: 0 };
  }
  const moments = (["dIn", "dOut"] as const)
    .reduce((sum, side) => sum + flopsOf("secondMoment", { n: rows, d: layer[side] }), 0);
  const solve = (verb: "eigh" | "choleskyInverse"): number =>
    (flopsOf(verb, { n: dIn }) + flopsOf(verb, { n: dOut })) / intervals.basis;
  const rotation = flopsOf("rotateInto", { dIn, dOut });
  if (method === "soap") {
    const factors = flopsOf("secondMoment", { n: dOut, d: dIn }) + 2 * dOut ** 2 * dIn;
    return {
      gradient,
      preconditioning: 2 * rotation,
      statistics: factors / intervals.statistics,
      eigenvalues: 0,
      bases: solve("eigh"),
    };
  }
  const statistics = moments / intervals.statistics;
  if (method === "kfac" || method === "tkfac") {
    const bases = solve("choleskyInverse");
    return { gradient, preconditioning: rotation, statistics, eigenvalues: 0, bases };
  }
  const captured = dOut ** 2 * Math.min(locations, dIn) + dIn ** 2 * Math.min(locations, dOut);
  const theta = 2 * examples * (locations * weights + captured);
  return {
    gradient,
    preconditioning: 2 * rotation,
    statistics,
    eigenvalues: theta / intervals.eigenvalues,
    bases: solve("eigh"),
  };
}

/** Sum of the parts. */
export function totalOf(operations: StepOperations): number {
  return Object.values(operations).reduce((sum: number, part: number) => sum + part, 0);
}

/**
 * Operations of a step of a whole model, averaged over a cycle of the intervals.
 *
 * @param method The optimizer.
 * @param layers Sizes of all layers.
 * @param examples N.
 * @param intervals T_FIM, T_EIG, T_RE.
 */
export function stepOperations(
  method: Method,
  layers: readonly LayerSizes[],
  examples: number,
  intervals: BoundIntervals,
): number {
  return layers.reduce(
    (sum, layer) => sum + totalOf(layerOperations(method, layer, examples, intervals)),
    0,
  );
}

/**
 * Operations of an optimizer's step over those of SGD's: what the ratio of their times would be if
 * every operation took the same time. Parameters as of {@linkcode stepOperations}.
 */
export function ratioBound(
  method: Method,
  layers: readonly LayerSizes[],
  examples: number,
  intervals: BoundIntervals,
): number {
  const operations = (which: Method): number => stepOperations(which, layers, examples, intervals);
  return operations(method) / operations("sgd");
}

/** Examples of a batch that are observed after the dense start. */
function observedOf(examples: number): number {
  const { share, atLeast } = presets.default.observe;
  return Math.min(examples, Math.max(atLeast, share * examples));
}

/**
 * The same for EKFAC and TEKFAC at low rank, the rules of their step included: with k and l directions a side,
 * N T rows and a share of them observed,
 *
 * - preconditioning: `4 P (k + l)`;
 * - an observation: a backward pass and the curvature along the step, `2 P` a row each; sketches, `4 (k dOut + l
 *   dIn')` a row; moments, of a convolution from gradients, `2 P` a row besides;
 * - a basis: `14 (k^2 dOut + l^2 dIn')`.
 */
export function lowRankRatioBound(
  layers: readonly LayerSizes[],
  examples: number,
  rank: number,
  intervals: BoundIntervals,
): number {
  const added = layers.reduce((sum, { dIn, dOut, locations }) => {
    const [k, l, weights] = [Math.min(rank, dOut), Math.min(rank, dIn), dIn * dOut];
    const rows = observedOf(examples) * locations;
    const sides = k * dOut + l * dIn;
    const passes = (locations > 1 ? 6 : 4) * weights;
    const observation = rows * (passes + 4 * sides) / intervals.statistics;
    const bases = 14 * (k ** 2 * dOut + l ** 2 * dIn) / intervals.basis;
    return sum + 4 * weights * (k + l) + observation + bases;
  }, 0);
  return 1 + added / stepOperations("sgd", layers, examples, intervals);
}
