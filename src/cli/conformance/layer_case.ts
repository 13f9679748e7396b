/**
 * Layer cases: statistics, spectra, approximations and updates of one layer and one batch.
 *
 * @module
 */

import type { Backend } from "../../backend/mod.ts";
import { DataError, type Matrix } from "../../core/mod.ts";
import { type DenseMatrix, frobeniusDistance, frobeniusNorm, trace } from "../../linalg/mod.ts";
import { readWeightsSync, toPublicOrder } from "../../nn/mod.ts";
import {
  approximationOf,
  APPROXIMATIONS,
  fisherOf,
  homogeneousInputs,
  uncorrelatedFisherOf,
} from "./approximations.ts";
import type { Checks } from "./checks.ts";
import type { Fields } from "./fields.ts";
import { publicFactor } from "./layout.ts";
import { type Blocks, download, type ObservedLayer, withLayer } from "./observed_layer.ts";

/** Below this relative gap eigenvectors are too uncertain to say which eigenvalue belongs to which. */
const SMALLEST_GAP = 1e-3;

/** Compares the library's layer, blocks and updates with a golden layer case. */
export function checkLayer(backend: Backend, golden: Fields, checks: Checks): void {
  const expected = golden.group("expected");
  const updates = expected.has("updates") ? expected.groups("updates") : [];
  const lambdas = updates.map((update) => update.number("lam"));
  withLayer(backend, golden, lambdas, (layer) => {
    checkStatistics(layer, golden, checks);
    checkSpectra(layer, expected, checks);
    checkApproximations(layer, expected, checks);
    checkUpdates(layer, updates, checks);
  });
}

function checkStatistics(layer: ObservedLayer, golden: Fields, checks: Checks): void {
  const { backend, parameter, blocks, capture } = layer;
  const expected = golden.group("expected");
  const compare = (name: string, actual: () => ArrayLike<number>, from = expected) => {
    if (from.has(name)) checks.compare("statistics", name, actual(), from.tensor(name).data);
  };
  const input = (matrix: Matrix) => publicFactor(parameter.layer, download(backend, matrix)).data;
  compare("G", () => readWeightsSync(backend, parameter, "gradient"), golden);
  compare("A", () => input(blocks.kfac.inputFactor));
  compare("B", () => backend.readSync(blocks.kfac.outputFactor));
  compare("PhiRaw", () => input(blocks.tkfac.inputFactor));
  compare("PsiRaw", () => backend.readSync(blocks.tkfac.outputFactor));
  if (expected.has("delta")) {
    const delta = backend.readSync(blocks.tkfac.delta);
    checks.compare("statistics", "delta", delta, [expected.number("delta")]);
  }
  if (capture.kind === "conv2d") {
    compare("patches", () => toPublicOrder(parameter.layer, homogeneousInputs(layer).data));
  }
}

function checkSpectra({ backend, blocks }: ObservedLayer, expected: Fields, checks: Checks): void {
  const delta = backend.readSync(blocks.tekfac.delta)[0];
  const sides = [
    { block: blocks.ekfac, name: "sStar", input: "A", output: "B", scale: 1 },
    // The golden eigenvalues are those of Phi and Psi, whose traces are 1.
    {
      block: blocks.tekfac,
      name: "Theta",
      input: "Phi",
      output: "Psi",
      scale: delta > 0 ? 1 / delta : 1,
    },
  ];
  for (const { block, name, input, output, scale } of sides) {
    const spectrum = (what: string, values: Float64Array) => {
      if (expected.has(what)) {
        checks.compare("spectrum", what, values, expected.tensor(what).data);
      }
    };
    const inputOrder = ascending(backend.readSync(block.basis.inputValues));
    const outputOrder = ascending(backend.readSync(block.basis.outputValues));
    const eigenvalues = download(backend, block.eigenvalues);
    spectrum(`eig${input}`, inputOrder.values.map((value) => value * scale));
    spectrum(`eig${output}`, outputOrder.values.map((value) => value * scale));
    spectrum(`${name}Sorted`, eigenvalues.data.toSorted());
    if (expected.has(`${name}Mean`)) {
      const sum = eigenvalues.data.reduce((total, value) => total + value, 0);
      const mean = [sum / eigenvalues.data.length];
      checks.compare("spectrum", `${name}Mean`, mean, [expected.number(`${name}Mean`)]);
    }
    const gaps = expected.has("minRelativeEigGap")
      ? expected.group("minRelativeEigGap")
      : undefined;
    const gap = Math.min(gaps?.numberOr(input, 0) ?? 0, gaps?.numberOr(output, 0) ?? 0);
    if (gap > SMALLEST_GAP) {
      const inOrder = eigenvalues.data.map((_, k) => {
        const row = outputOrder.indices[Math.floor(k / eigenvalues.cols)];
        return eigenvalues.data[row * eigenvalues.cols + inputOrder.indices[k % eigenvalues.cols]];
      });
      spectrum(`${name}Ascending`, inOrder);
    }
  }
}

function checkApproximations(layer: ObservedLayer, expected: Fields, checks: Checks): void {
  const errors = expected.has("frobeniusErrors") ? expected.group("frobeniusErrors") : undefined;
  const traces = expected.has("traces") ? expected.group("traces") : undefined;
  if (!errors && !traces && !expected.has("F")) return;
  const F = fisherOf(layer);
  const size = frobeniusNorm(F.stored);
  if (expected.has("F")) {
    checks.compare("statistics", "F", F.public.data, expected.tensor("F", 2).data);
  }
  const distance = (name: string, actual: () => number) => {
    if (errors?.has(name)) {
      checks.compare("spectrum", `frobeniusErrors.${name}`, [actual()], [errors.number(name)], {
        scale: size,
      });
    }
  };
  const sum = (name: string, matrix: DenseMatrix) => {
    if (traces?.has(name)) {
      checks.compare("spectrum", `traces.${name}`, [trace(matrix)], [traces.number(name)], {
        scale: trace(F.stored),
      });
    }
  };
  distance("F", () => size);
  sum("F", F.stored);
  const apart = errors?.names.some((name) => name.endsWith("_vs_Floc"))
    ? uncorrelatedFisherOf(layer)
    : F.stored;
  for (const method of APPROXIMATIONS) {
    const dense = approximationOf(layer, method);
    distance(method, () => frobeniusDistance(F.stored, dense));
    distance(`${method}_vs_Floc`, () => frobeniusDistance(apart, dense));
    sum(method, dense);
  }
}

function checkUpdates(layer: ObservedLayer, updates: readonly Fields[], checks: Checks): void {
  const { backend, parameter, blocks } = layer;
  if (backend.info.roundoff > 1e-12 && updates.length > 0 && hasOneDistinctExample(layer)) {
    // Rank one: in float32 all other eigenvalues are rounding errors, and the damping decides.
    checks.notes.push("updates not compared: one distinct example");
    return;
  }
  updates.forEach((update, i) => {
    const method = update.text("method").replace(/_firststep$/, "");
    const lambda = update.number("lam");
    if (!(method in blocks)) {
      throw new DataError(
        "updates",
        `'method' must be one of ${Object.keys(blocks).join(", ")}: received '${method}'`,
      );
    }
    const slack = backend.info.roundoff > 1e-12 ? Math.max(1, 1e-2 / lambda) : 1;
    backend.scope(() => {
      layer.refresh(i);
      const { rows, cols } = parameter.value;
      const out = backend.scratch(rows, cols);
      const product = backend.scratch(1, 1);
      blocks[method as keyof Blocks].precondition(out, parameter.gradient, i);
      backend.dot(product, out, parameter.gradient);
      const what = `${method} at lambda ${Number(lambda.toPrecision(3))}`;
      const actual = toPublicOrder(parameter.layer, backend.readSync(out));
      checks.compare("update", `update of ${what}`, actual, update.tensor("update", 2).data, {
        slack,
      });
      checks.compare("update", `<U, G> of ${what}`, backend.readSync(product), [
        update.number("uDotG"),
      ], { slack });
    });
  });
}

/** Whether all examples of a batch are copies of the first. */
function hasOneDistinctExample({ inputs, outputGradients, examples }: ObservedLayer): boolean {
  return [inputs, outputGradients].every(({ data }) => {
    const size = data.length / examples;
    return data.every((value, i) => value === data[i % size]);
  });
}

/** Values in ascending order, and where each came from. */
function ascending(values: ArrayLike<number>): { values: Float64Array; indices: number[] } {
  const indices = Array.from(values, (_, i) => i).sort((i, j) => values[i] - values[j]);
  return { values: Float64Array.from(indices, (i) => values[i]), indices };
}
