import assert from "#assert";
import { OptionError, Random } from "@tekfac/tekfac/core";
import { externalModel, muon, orthogonalize, quintics } from "@tekfac/tekfac/optim";
import { allClose, eachBackend } from "@tekfac/tekfac/testing";
import { eigen, fill, map, multiply, product, type Rows, transpose, vec } from "../oracle/dense.ts";
import { muonDirection } from "../oracle/muon.ts";
import { makeBatch, problemOf, referenceBackend, smallModel, weightsOf } from "./problem.ts";

/** `X (X^T X)^(-1/2)`, or its transpose's for a wide matrix: the polar factor by eigenvalues. */
function polarFactor(x: Rows): Rows {
  if (x.length < x[0].length) return transpose(polarFactor(transpose(x)));
  const { values, vectors } = eigen(multiply(transpose(x), x));
  const scaled = map(vectors, (value, _, j) => value / Math.sqrt(values[j]));
  return product(x, scaled, transpose(vectors));
}

eachBackend(
  Deno.test,
  "orthogonalize() with Polar Express ends at the polar factor, for any shape and view",
  (backend) => {
    const random = new Random(5);
    for (const [rows, cols] of [[1, 1], [1, 6], [6, 1], [5, 5], [4, 9], [9, 4], [33, 17]]) {
      const x = fill(rows, cols, () => random.normal(0, 3));
      const expected = vec(polarFactor(x));
      using storage = backend.alloc(rows, cols + 1);
      using out = backend.alloc(rows, cols);
      // A view with a gap between its rows, as the weights beside a bias are.
      const view = { ...storage, cols };
      backend.write(view, vec(x));
      backend.scope(() => orthogonalize(backend, out, view, quintics("polarExpress", 8)));
      // Small singular values carry the rounding of the largest; none here is below 1/100 of it.
      const absolute = 100 * Math.max(rows, cols) * backend.info.roundoff;
      allClose(backend.readSync(out), expected, { absolute, label: `[${rows}, ${cols}]` });
    }
  },
);

eachBackend(Deno.test, "orthogonalize() leaves singular values in Jordan's range", (backend) => {
  const random = new Random(6);
  const x = fill(6, 4, () => random.normal());
  using matrix = backend.alloc(6, 4);
  using out = backend.alloc(6, 4);
  backend.write(matrix, vec(x));
  backend.scope(() => orthogonalize(backend, out, matrix, quintics("jordan", 5)));
  const numbers = [...backend.readSync(out)];
  const y = fill(6, 4, (i, j) => numbers[4 * i + j]);
  for (const value of eigen(multiply(transpose(y), y)).values) {
    assert.ok(0.68 < Math.sqrt(value) && Math.sqrt(value) < 1.14, `${Math.sqrt(value)}`);
  }
});

eachBackend(Deno.test, "orthogonalize() of zeros is zeros", (backend) => {
  using x = backend.alloc(3, 2);
  using out = backend.alloc(3, 2);
  backend.write(out, [1, 2, 3, 4, 5, 6]);
  backend.scope(() => orthogonalize(backend, out, x, quintics("jordan", 5)));
  assert.ok(backend.readSync(out).every((value) => value === 0));
});

const geometry = {
  channels: 1,
  height: 4,
  width: 4,
  kernel: [2, 2],
  stride: [1, 1],
  padding: [0, 0],
  dilation: [1, 1],
  bias: true,
} as const;

Deno.test("muon() takes filters as [out, rest]; biases, heads, embeddings and scales take AdamW", () => {
  using backend = referenceBackend();
  using model = externalModel(backend, [
    { name: "embedding", layer: { kind: "other" }, shape: [8, 4] },
    { name: "conv", layer: { kind: "conv2d", geometry }, shape: [3, 5] },
    { name: "norm", layer: { kind: "normalization" }, shape: [2, 3] },
    { name: "head", layer: { kind: "dense", bias: true }, shape: [3, 5] },
  ]);
  using optimizer = muon(model, { adam: { learningRate: 1e-3 } });
  const { state } = optimizer.preconditioner;
  assert.deepEqual(
    Object.entries(state).map(([name, { rows, cols }]) => `${name} ${rows}x${cols}`),
    [
      "embedding.firstMoment 8x4",
      "embedding.secondMoment 8x4",
      "conv.velocity 3x4",
      "conv.firstMoment 3x1",
      "conv.secondMoment 3x1",
      "norm.firstMoment 2x3",
      "norm.secondMoment 2x3",
      "head.firstMoment 3x5",
      "head.secondMoment 3x5",
    ],
  );
  assert.match(optimizer.describe(), /conv +conv2d +\[3, 5\] +muon +72/);
  const random = new Random(1);
  const normals = (size: number) => Float64Array.from({ length: size }, () => random.normal());
  const gradients = {
    embedding: normals(32),
    conv: normals(15),
    norm: normals(6),
    head: normals(15),
  };
  optimizer.stepSync({ examples: 1, loss: 1, gradients });
  const after = model.readWeightsSync();
  // AdamW's first step has the size of its rate everywhere.
  for (const name of ["embedding", "norm", "head"]) {
    const sign = gradients[name as "head"].map((g) => -1e-3 * Math.sign(g));
    allClose(after[name], sign, { relative: 1e-6, label: name });
  }
  const filters = fill(3, 4, (i, j) => gradients.conv[5 * i + j]);
  const direction = muonDirection(filters, 5);
  const expected = fill(
    3,
    5,
    (i, j) => j < 4 ? -0.02 * direction[i][j] : -1e-3 * Math.sign(gradients.conv[5 * i + j]),
  );
  allClose(after.conv, vec(expected), { relative: 1e-6, label: "conv" });
});

Deno.test("muon() asks `matrices` which parameters are orthogonalized", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  using optimizer = muon(problemOf(model), { matrices: ({ name }) => name === "dense2" });
  assert.match(optimizer.describe(), /dense1 .* adam .*\n.*dense2 .* muon/);
});

Deno.test("muon() takes a group's rate for matrices, in proportion for their biases, and for AdamW", () => {
  using backend = referenceBackend();
  using model = externalModel(backend, [
    { name: "hidden", layer: { kind: "dense", bias: true }, shape: [3, 5] },
    { name: "head", layer: { kind: "dense", bias: true }, shape: [3, 5] },
  ]);
  for (const { value } of model.parameters) backend.write(value, Array(15).fill(1));
  using optimizer = muon(model, {
    learningRate: 0.02,
    adam: { learningRate: 1e-3 },
    weightDecay: { kind: "decoupled", value: 0.1, include: () => true },
    groups: [
      { include: ({ name }) => name === "hidden", learningRate: 0.01 },
      { include: ({ name }) => name === "head", learningRate: 5e-3 },
    ],
  });
  const random = new Random(2);
  const normals = () => Float64Array.from({ length: 15 }, () => random.normal());
  const gradients = { hidden: normals(), head: normals() };
  optimizer.stepSync({ examples: 1, loss: 1, gradients });
  const after = model.readWeightsSync();
  const { hidden, head } = gradients;
  const direction = muonDirection(fill(3, 4, (i, j) => hidden[5 * i + j]), 5);
  const expected = fill(3, 5, (i, j) => {
    const step = j < 4 ? 0.01 * direction[i][j] : 0.5e-3 * Math.sign(hidden[5 * i + j]);
    return 1 - 0.01 * 0.1 - step;
  });
  allClose(after.hidden, vec(expected), { relative: 1e-7, label: "hidden" });
  const adamW = head.map((g) => 1 - 5e-3 * 0.1 - 5e-3 * Math.sign(g));
  allClose(after.head, adamW, { relative: 1e-7, label: "head" });
});

Deno.test("muon() moves nothing where the learning rate is 0", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  const decay = { kind: "decoupled", value: 0.1 } as const;
  using optimizer = muon(problemOf(model), { learningRate: () => 0, weightDecay: decay });
  const before = weightsOf(model);
  optimizer.stepSync(makeBatch(16, 1));
  assert.deepEqual(weightsOf(model), before);
});

Deno.test("muon() refuses options out of range and leaves nothing allocated", () => {
  using backend = referenceBackend();
  using model = smallModel(backend);
  const { handles } = backend.memory();
  const wrong = [
    { momentum: 1 },
    { iterations: 0 },
    { iterations: 1.5 },
    { nesterov: 1 },
    { orthogonalization: "polar" },
    { adam: { learningRate: -1 } },
    { adam: { beta1: 1 } },
    { adam: { epsilon: 0 } },
    { adam: { rate: 1 } },
    { beta1: 0.9 },
  ];
  for (const options of wrong) {
    assert.throws(() => muon(problemOf(model), options as object), OptionError);
  }
  assert.equal(backend.memory().handles, handles);
  using scales = externalModel(backend, [
    { name: "norm", layer: { kind: "normalization" }, shape: [2, 3] },
  ]);
  assert.throws(() => muon(scales, { matrices: () => true }), /matrices.*'norm'/);
  assert.throws(() => muon(scales, { matrices: () => 1 as never }), /matrices/);
});
