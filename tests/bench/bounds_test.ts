import assert from "#assert";
import {
  type BoundIntervals,
  layerOperations,
  type LayerSizes,
  lowRankRatioBound,
  ratioBound,
  totalOf,
} from "../../bench/step/bounds.ts";

const INTERVALS: BoundIntervals = { statistics: 10, basis: 100, eigenvalues: 10 };
const NEVER: BoundIntervals = { statistics: Infinity, basis: Infinity, eigenvalues: Infinity };

/** Dense layers with biases between layers of the given widths; all need their inputs' gradient. */
function dense(...widths: readonly number[]): LayerSizes[] {
  return widths.slice(1).map((dOut, i) => ({
    dIn: widths[i] + 1,
    dOut,
    locations: 1,
    inputGradient: true,
  }));
}

/** 3 x 3 convolutions of ResNet20. */
function convolutions(): LayerSizes[] {
  const layer = (channels: number, dOut: number, side: number): LayerSizes => ({
    dIn: 9 * channels + 1,
    dOut,
    locations: side * side,
    inputGradient: true,
  });
  const stage = (from: number, to: number, side: number): LayerSizes[] =>
    Array.from({ length: 6 }, (_, i) => layer(i === 0 ? from : to, to, side));
  return [layer(3, 16, 32), ...stage(16, 16, 32), ...stage(16, 32, 16), ...stage(32, 64, 8)];
}

function within(actual: number, expected: number, share: number): void {
  assert.ok(Math.abs(actual / expected - 1) <= share, `${actual} is not about ${expected}`);
}

Deno.test("ratioBound() is 1 + 2 (dIn + dOut) / 3 N for one layer", () => {
  const [layer] = dense(99, 50);
  const bound = ratioBound("tekfac", [layer], 32, NEVER);
  within(bound, 1 + 2 * (layer.dIn + layer.dOut) / (3 * 32), 1e-12);
});

Deno.test("ratioBound() is about 2.5 and 7 on the perceptron and 3.1 on the autoencoder", () => {
  const perceptron = dense(784, 512, 512, 10);
  within(ratioBound("tekfac", perceptron, 512, NEVER), 2.5, 0.03);
  within(ratioBound("tekfac", perceptron, 128, NEVER), 7, 0.03);
  const autoencoder = dense(784, 1000, 500, 250, 30, 250, 500, 1000, 784);
  within(ratioBound("tekfac", autoencoder, 500, NEVER), 3.1, 0.03);
});

Deno.test("ratioBound() is about 1.35 on the convolutions of ResNet20 at batch 64", () => {
  within(ratioBound("tekfac", convolutions(), 64, INTERVALS), 1.35, 0.03);
});

Deno.test("ratioBound() of Muon is 24 on the perceptron at batch 128, where the first layer needs no gradient", () => {
  const [first, second, last] = dense(784, 512, 512, 10);
  const layers = [{ ...first, inputGradient: false }, second, { ...last, last: true }];
  within(ratioBound("muon", layers, 128, NEVER), 24, 0.01);
  // Its products do not grow with the batch.
  within((ratioBound("muon", layers, 512, NEVER) - 1) * 4, 23.1, 0.01);
});

Deno.test("ratioBound() is 1 for optimizers without curvature", () => {
  for (const method of ["sgd", "adam"] as const) {
    assert.equal(ratioBound(method, convolutions(), 64, INTERVALS), 1);
  }
});

Deno.test("layerOperations() of two inverses precondition with half of an eigenbasis' rotations", () => {
  const [layer] = convolutions();
  const half = layerOperations("kfac", layer, 64, INTERVALS);
  const full = layerOperations("ekfac", layer, 64, INTERVALS);
  assert.equal(2 * half.preconditioning, full.preconditioning);
  assert.equal(half.statistics, full.statistics);
  assert.equal(half.eigenvalues, 0);
});

Deno.test("layerOperations() count Theta as 2 N P (T + dIn + dOut) where locations are many", () => {
  const layer = convolutions()[1];
  const { dIn, dOut, locations } = layer;
  const { eigenvalues } = layerOperations("tekfac", layer, 64, INTERVALS);
  assert.ok(locations >= dIn && locations >= dOut);
  within(eigenvalues, 2 * 64 * dIn * dOut * (locations + dIn + dOut) / 10, 1e-12);
});

Deno.test("layerOperations() count SOAP's rotations, its two factors of a gradient and their eigenvectors", () => {
  const [layer] = dense(99, 50);
  const soap = layerOperations("soap", layer, 64, { statistics: 1, basis: 10, eigenvalues: 1 });
  const { dIn, dOut } = layer;
  assert.equal(soap.preconditioning, 4 * dIn * dOut * (dIn + dOut));
  within(soap.statistics, dOut * dIn ** 2 + 2 * dOut ** 2 * dIn, 0.02); // a triangle has its diagonal
  assert.equal(soap.bases, 9 * (dIn ** 3 + dOut ** 3) / 10);
});

Deno.test("totalOf() adds all parts", () => {
  const parts = { gradient: 1, preconditioning: 2, statistics: 4, eigenvalues: 8, bases: 16 };
  assert.equal(totalOf(parts), 31);
});

Deno.test("lowRankRatioBound() is 1 + 2 (k + l) / 3 N for one layer, and full where there is no more", () => {
  const [layer] = dense(99, 50);
  within(lowRankRatioBound([layer], 32, 20, NEVER), 1 + 2 * (20 + 20) / (3 * 32), 1e-12);
  within(lowRankRatioBound([layer], 32, 64, NEVER), 1 + 2 * (50 + 64) / (3 * 32), 1e-12);
});
