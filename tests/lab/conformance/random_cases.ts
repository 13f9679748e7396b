/**
 * Golden cases of random layers and courses of training, with the oracle's numbers: what the stored
 * cases do not show, such as odd windows, dilation, several batches of one example, other
 * intervals and dampings.
 *
 * @module
 */

import { Random } from "@tekfac/tekfac/core";
import { combine, fill, frobenius, inner, type Rows, trace, vec } from "../../oracle/dense.ts";
import {
  approximation,
  basesOf,
  type Damping,
  factorsOf,
  fisher,
  type Method,
  thetaOf,
  updateOf,
} from "../../oracle/fisher.ts";
import { examplesOf, type LayerSpec, meanGradient, type Tensor } from "../../oracle/layer.ts";
import { type Hyper, train } from "../../oracle/trajectory.ts";

/** What a random layer case is about. */
export interface LayerPlan {
  readonly name: string;
  readonly layer: LayerSpec;
  /** Examples that differ from each other. */
  readonly distinct: number;
  /** How often each of them is repeated. @default {1} */
  readonly copies?: number;
  /** [height, width] of a convolution's images. */
  readonly image?: readonly [number, number];
  readonly lambdas: readonly number[];
}

const METHODS: readonly Method[] = ["kfac", "ekfac", "tkfac", "tekfac"];

/** A golden layer case as an object ready for JSON. */
export function layerCase(plan: LayerPlan, seed: number): object {
  const random = new Random(seed);
  const { layer, distinct, copies = 1 } = plan;
  const { a, g } = batchOf(plan, random);
  const repeated = ({ shape, data }: Tensor): Tensor => ({
    shape: [distinct * copies, ...shape.slice(1)],
    data: Array.from({ length: copies }, () => data).flat(),
  });
  const [inputs, gradients] = [repeated(a), repeated(g)];
  const examples = examplesOf(layer, inputs, gradients);
  const mean = meanGradient(examples);
  const [k, t] = [factorsOf("kfac", examples), factorsOf("tkfac", examples)];
  const [kBases, tBases] = [basesOf(k), basesOf(t)];
  const sStar = thetaOf("ekfac", kBases, examples);
  const theta = thetaOf("tekfac", tBases, examples);
  const F = fisher(examples, "together");
  const apart = fisher(examples, "apart");
  const dense = Object.fromEntries(METHODS.map((method) => {
    const corrected = method === "tekfac" ? theta : sStar;
    const [factors, bases] = method.startsWith("t") ? [t, tBases] : [k, kBases];
    return [method, approximation(method, factors, bases, corrected)];
  }));
  const distances = (from: Rows, suffix: string) =>
    Object.entries(dense).map(([method, x]) => [
      method + suffix,
      frobenius(combine(1, from, -1, x)),
    ]);
  return {
    name: plan.name,
    layer,
    N: distinct * copies,
    a: inputs,
    outputGrads: gradients,
    G: tensor(mean),
    expected: {
      A: tensor(k.input),
      B: tensor(k.output),
      delta: t.delta,
      PhiRaw: tensor(t.input),
      PsiRaw: tensor(t.output),
      ...(layer.kind === "conv2d"
        ? {
          patches: {
            shape: [distinct * copies, examples[0].inputs.length, mean[0].length],
            data: examples.flatMap((example) => vec(example.inputs)),
          },
        }
        : {}),
      eigA: list(kBases.inputValues),
      eigB: list(kBases.outputValues),
      eigPhi: list(tBases.inputValues.map((value) => value / t.delta)),
      eigPsi: list(tBases.outputValues.map((value) => value / t.delta)),
      minRelativeEigGap: {
        A: smallestGap(kBases.inputValues),
        B: smallestGap(kBases.outputValues),
        Phi: smallestGap(tBases.inputValues),
        Psi: smallestGap(tBases.outputValues),
      },
      sStarSorted: list(vec(sStar).sort((x, y) => x - y)),
      ThetaSorted: list(vec(theta).sort((x, y) => x - y)),
      sStarAscending: tensor(sStar),
      ThetaAscending: tensor(theta),
      F: tensor(F),
      frobeniusErrors: Object.fromEntries([
        ["F", frobenius(F)],
        ...distances(F, ""),
        ...distances(apart, "_vs_Floc"),
      ]),
      traces: {
        F: trace(F),
        ...Object.fromEntries(Object.entries(dense).map(([method, x]) => [method, trace(x)])),
      },
      updates: plan.lambdas.flatMap((lam) =>
        [...METHODS, "ekfac_ra" as const].map((method) => {
          const factors = factorsOf(method, examples);
          const bases = basesOf(factors);
          const values = thetaOf(method, bases, examples);
          const update = updateOf(method, mean, factors, bases, values, lam);
          return {
            method: method === "ekfac_ra" ? "ekfac_ra_firststep" : method,
            lam,
            update: tensor(update),
            uDotG: inner(update, mean),
          };
        })
      ),
    },
  };
}

/** A golden trajectory of a tanh network with the given layer sizes. */
export function trajectoryCase(
  name: string,
  method: Method,
  sizes: readonly number[],
  hyper: Hyper,
  seed: number,
): object {
  const random = new Random(seed);
  const normals = (rows: number, cols: number, deviation: number) =>
    fill(rows, cols, () => random.normal(0, deviation));
  const x = normals(20, sizes[0], 1);
  const labels = x.map(() => random.integer(sizes[sizes.length - 1]));
  const weights = sizes.slice(1).map((outputs, l) => normals(outputs, sizes[l] + 1, 0.5));
  const course = train(method, { x, labels, weights }, hyper);
  const { damping, ...numbers } = hyper;
  return {
    name,
    method,
    hyper: { ...numbers, ...dampingFields(damping) },
    x: tensor(x),
    labels,
    W0: weights.map(tensor),
    expected: {
      losses: course.losses,
      finalW: course.weights.map(tensor),
      nu: course.clipFactors,
    },
  };
}

/** Inputs and output gradients; gradients are shaped by inputs, so that the two are not independent. */
function batchOf({ layer, distinct, image }: LayerPlan, random: Random): { a: Tensor; g: Tensor } {
  const normal = (shape: readonly number[]): Tensor => ({
    shape,
    data: Array.from({ length: shape.reduce((p, v) => p * v, 1) }, () => random.normal()),
  });
  const dependent = (g: Tensor, a: Tensor): Tensor => {
    const [each, inputs] = [g.data.length / distinct, a.data.length / distinct];
    const scale = (i: number) => 1 + Math.abs(a.data[Math.floor(i / each) * inputs]);
    return { shape: g.shape, data: g.data.map((value, i) => 0.3 * scale(i) * value) };
  };
  if (layer.kind === "dense") {
    const a = normal([distinct, layer.inFeatures]);
    return { a, g: dependent(normal([distinct, layer.outFeatures]), a) };
  }
  const [height, width] = image!;
  const places = (size: number, d: 0 | 1) =>
    Math.floor(
      (size + 2 * layer.padding[d] - layer.dilation[d] * (layer.kernel[d] - 1) - 1) /
        layer.stride[d],
    ) + 1;
  const a = normal([distinct, layer.inChannels, height, width]);
  const g = normal([distinct, layer.outChannels, places(height, 0), places(width, 1)]);
  return { a, g: dependent(g, a) };
}

function dampingFields(damping: Damping): object {
  return damping.kind === "relative"
    ? { tau: damping.tau, lambda: null }
    : { lambda: damping.lambda };
}

function tensor(x: Rows): Tensor {
  return { shape: [x.length, x[0].length], data: vec(x) };
}

function list(values: readonly number[]): Tensor {
  return { shape: [values.length], data: values };
}

function smallestGap(ascending: readonly number[]): number {
  const gaps = ascending.slice(1).map((value, i) => value - ascending[i]);
  return Math.min(...gaps, ascending[ascending.length - 1]) / ascending[ascending.length - 1];
}
