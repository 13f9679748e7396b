/**
 * Layer cases: statistics, spectra, approximations and updates of one layer and one batch.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { DataError, type Matrix } from "@tekfac/tekfac/core";
import { type DenseMatrix, frobeniusDistance, frobeniusNorm, trace } from "@tekfac/tekfac/linalg";
import { readWeights, toPublicOrder } from "@tekfac/tekfac/nn";
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
export async function checkLayer(
  backend: Backend,
  golden: Fields,
  checks: Checks,
): Promise<void> {
  const expected = golden.group("expected");
  const updates = expected.has("updates") ? expected.groups("updates") : [];
  const lambdas = updates.map((update) => update.number("lam"));
  await withLayer(backend, golden, lambdas, (layer) =>
    Promise.all([
      checkStatistics(layer, golden, checks),
      checkSpectra(layer, expected, checks),
      checkApproximations(layer, expected, checks),
      checkUpdates(layer, updates, checks),
    ]));
}

async function checkStatistics(
  layer: ObservedLayer,
  golden: Fields,
  checks: Checks,
): Promise<void> {
  const { backend, parameter, blocks, capture } = layer;
  const expected = golden.group("expected");
  const compare = async (
    name: string,
    actual: () => Promise<ArrayLike<number>>,
    golden: () => ArrayLike<number> = () => expected.tensor(name).data,
  ) => {
    if (expected.has(name)) checks.compare("statistics", name, await actual(), golden());
  };
  const input = async (matrix: Matrix) =>
    publicFactor(parameter.layer, await download(backend, matrix)).data;
  const patches = async () => toPublicOrder(parameter.layer, (await homogeneousInputs(layer)).data);
  const gradient = async () => {
    if (!golden.has("G")) return;
    const actual = await readWeights(backend, parameter, "gradient");
    checks.compare("statistics", "G", actual, golden.tensor("G").data);
  };
  await Promise.all([
    gradient(),
    compare("A", () => input(blocks.kfac.inputFactor)),
    compare("B", () => backend.read(blocks.kfac.outputFactor)),
    compare("PhiRaw", () => input(blocks.tkfac.inputFactor)),
    compare("PsiRaw", () => backend.read(blocks.tkfac.outputFactor)),
    compare("delta", () => backend.read(blocks.tkfac.delta), () => [expected.number("delta")]),
    ...(capture.kind === "conv2d" ? [compare("patches", patches)] : []),
  ]);
}

async function checkSpectra(
  { backend, blocks }: ObservedLayer,
  expected: Fields,
  checks: Checks,
): Promise<void> {
  const sides = [
    { block: blocks.ekfac, name: "sStar", input: "A", output: "B" },
    { block: blocks.tekfac, name: "Theta", input: "Phi", output: "Psi" },
  ];
  await Promise.all(sides.map(async ({ block, name, input, output }) => {
    const [inputValues, outputValues, eigenvalues, [delta]] = await Promise.all([
      backend.read(block.basis.inputValues),
      backend.read(block.basis.outputValues),
      download(backend, block.eigenvalues),
      "tekfac" === block.method ? backend.read(blocks.tkfac.delta) : [1],
    ]);
    // The golden eigenvalues are those of Phi and Psi, whose traces are 1.
    const scale = delta > 0 ? 1 / delta : 1;
    const spectrum = (what: string, values: Float64Array) => {
      if (expected.has(what)) {
        checks.compare("spectrum", what, values, expected.tensor(what).data);
      }
    };
    const inputOrder = ascending(inputValues);
    const outputOrder = ascending(outputValues);
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
  }));
}

async function checkApproximations(
  layer: ObservedLayer,
  expected: Fields,
  checks: Checks,
): Promise<void> {
  const errors = expected.has("frobeniusErrors") ? expected.group("frobeniusErrors") : undefined;
  const traces = expected.has("traces") ? expected.group("traces") : undefined;
  if (!errors && !traces && !expected.has("F")) return;
  const [inputs, ...approximations] = await Promise.all([
    homogeneousInputs(layer),
    ...APPROXIMATIONS.map((method) => approximationOf(layer, method)),
  ]);
  const F = fisherOf(layer, inputs);
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
    ? uncorrelatedFisherOf(layer, inputs)
    : F.stored;
  APPROXIMATIONS.forEach((method, i) => {
    const dense = approximations[i];
    distance(method, () => frobeniusDistance(F.stored, dense));
    distance(`${method}_vs_Floc`, () => frobeniusDistance(apart, dense));
    sum(method, dense);
  });
}

async function checkUpdates(
  layer: ObservedLayer,
  updates: readonly Fields[],
  checks: Checks,
): Promise<void> {
  const { backend, parameter, blocks } = layer;
  if (backend.info.roundoff > 1e-12 && updates.length > 0 && hasOneDistinctExample(layer)) {
    // Rank one: in float32 all other eigenvalues are rounding errors, and the damping decides.
    checks.notes.push("updates not compared: one distinct example");
    return;
  }
  await Promise.all(updates.map(async (update, i) => {
    const method = update.text("method").replace(/_firststep$/, "");
    const lambda = update.number("lam");
    if (!(method in blocks)) {
      throw new DataError(
        "updates",
        `'method' must be one of ${Object.keys(blocks).join(", ")}: received '${method}'`,
      );
    }
    const slack = backend.info.roundoff > 1e-12 ? Math.max(1, 1e-2 / lambda) : 1;
    const [actual, innerProduct] = await backend.scope(() => {
      layer.refresh(i);
      const { rows, cols } = parameter.value;
      const out = backend.scratch(rows, cols);
      const product = backend.scratch(1, 1);
      blocks[method as keyof Blocks].precondition(out, parameter.gradient, i);
      backend.dot(product, out, parameter.gradient);
      return Promise.all([backend.read(out), backend.read(product)]);
    });
    const what = `${method} at lambda ${Number(lambda.toPrecision(3))}`;
    const golden = update.tensor("update", 2).data;
    checks.compare("update", `update of ${what}`, toPublicOrder(parameter.layer, actual), golden, {
      slack,
    });
    checks.compare("update", `<U, G> of ${what}`, innerProduct, [update.number("uDotG")], {
      slack,
    });
  }));
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
