/**
 * The block of low rank against the dense matrix that it stands for, in float64, and against the full block
 * where nothing is left out. The dense matrices are made here, by plain loops over the eigenvectors.
 */
import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { type KroneckerCapture, type LayerKind, Random } from "@tekfac/tekfac/core";
import {
  EkfacBlock,
  independent,
  LowRankBlock,
  Refresher,
  TekfacBlock,
  traceKeeping,
  traceOf,
} from "@tekfac/tekfac/curvature";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { conv2d, dense, type LayerSpec, sequential } from "@tekfac/tekfac/nn";
import { allClose, randomMatrix, upload } from "@tekfac/tekfac/testing";

const EXAMPLES = 9;

/** A layer with random captures; `spread` makes some directions matter more than others. */
function problem(backend: Backend, kind: "dense" | "conv2d", seed: number) {
  const random = new Random(seed);
  const layer: LayerSpec = kind === "dense" ? dense(6) : conv2d(6, { kernel: 2 });
  const input = kind === "dense" ? [8] as const : [3, 4, 2] as const;
  const model = sequential(backend, { input, layers: [layer], seed });
  const [parameter] = model.parameters;
  const capture = (): KroneckerCapture => {
    const spread = (rows: number, cols: number, ones: boolean) => {
      const x = randomMatrix(random, rows, cols);
      x.data.forEach((value, at) => x.data[at] = value / (1 + at % cols));
      if (ones) { for (let i = cols - 1; i < x.data.length; i += cols) x.data[i] = 1; }
      return upload(backend, x);
    };
    if (parameter.layer.kind === "dense") {
      const inputs = spread(EXAMPLES, 9, true);
      return {
        kind: "dense",
        examples: EXAMPLES,
        inputs,
        outputGradients: spread(EXAMPLES, 6, false),
      };
    }
    const { geometry } = parameter.layer as Extract<LayerKind, { kind: "conv2d" }>;
    const images = spread(EXAMPLES * 12, 2, false);
    const outputGradients = spread(EXAMPLES * 6, 6, false);
    return { kind: "conv2d", examples: EXAMPLES, geometry, images, outputGradients };
  };
  backend.write(parameter.gradient, randomMatrix(random, 6, 9).data);
  return { model, parameter, capture };
}

type Rows = number[][];

function rowsOf(backend: Backend, m: LowRankBlock["moments"]): Rows {
  const data = [...backend.readSync(m)];
  return Array.from({ length: m.rows }, (_, i) => data.slice(i * m.cols, (i + 1) * m.cols));
}

const dot = (x: number[], y: number[]): number => x.reduce((sum, v, i) => sum + v * y[i], 0);

/** Orthonormal rows of the whole space that begin with the given ones (Gram and Schmidt over unit vectors). */
function completed(rows: Rows): Rows {
  const d = rows[0].length;
  const all = rows.map((row) => [...row]);
  for (let unit = 0; all.length < d; unit++) {
    const candidate = Array.from({ length: d }, (_, j) => +(j === unit));
    for (let pass = 0; pass < 2; pass++) {
      for (const row of all) {
        const along = dot(row, candidate);
        row.forEach((value, j) => candidate[j] -= along * value);
      }
    }
    const norm = Math.sqrt(dot(candidate, candidate));
    if (norm > 1e-6) all.push(candidate.map((value) => value / norm));
  }
  return all;
}

/** `U = sum_ij (q_i^T X q_j) / (theta_ij + lambda) q_i q_j^T`, over all directions of both sides. */
function divided(
  backend: Backend,
  { output, input }: LowRankBlock,
  eigenvalues: number[],
  x: Rows,
  lambda: number,
): number[] {
  const [left, right] = [rowsOf(backend, output.basis), rowsOf(backend, input.basis)].map(
    completed,
  );
  const out = x.map((row) => row.map(() => 0));
  left.forEach((p, i) =>
    right.forEach((q, j) => {
      const along = x.reduce((sum, row, a) => sum + p[a] * dot(row, q), 0);
      const scale = along / (eigenvalues[i * right.length + j] + lambda);
      out.forEach((row, a) => row.forEach((_, b) => row[b] += scale * p[a] * q[b]));
    })
  );
  return out.flat();
}

for (const kind of ["dense", "conv2d"] as const) {
  Deno.test(`LowRankBlock divides as its dense form does, and keeps the trace: ${kind}`, async () => {
    for (const rank of [1, 2, 4, 6, 7]) {
      using backend = await createBackend({ prefer: ["reference"] });
      const { model, parameter, capture } = problem(backend, kind, rank);
      using block = new LowRankBlock(backend, parameter, {
        method: "tekfac",
        statistic: traceKeeping,
        rank,
        damping: { kind: "absolute", lambda: 0.01 },
      });
      const refresher = new Refresher<LowRankBlock>(backend, { kind: "immediate" }, 0);
      const first = capture(), second = capture();
      backend.scope(() => {
        block.observeStatistics(first, { decay: 0, scale: 1 / EXAMPLES });
        refresher.refresh(0, [block]);
        block.observeEigenvalues(first, { decay: 0, scale: 1 / EXAMPLES });
        block.observeStatistics(second, { decay: 0.5, scale: 0.5 / EXAMPLES });
        const [before] = backend.readSync(traceOf(block.moments));
        refresher.refresh(1, [block]);
        allClose(backend.readSync(traceOf(block.moments)), [before], { relative: 1e-12 });

        const eigenvalues = [...backend.readSync(block.spectrum())];
        assert(eigenvalues.every((theta) => theta > -1e-12 * before));
        allClose([eigenvalues.reduce((a, b) => a + b)], [before], { relative: 1e-12 });
        const out = backend.scratch(6, 9);
        block.precondition(out, parameter.gradient, 0);
        const x = rowsOf(backend, parameter.gradient);
        const expected = divided(backend, block, eigenvalues, x, 0.01);
        // Bases are orthonormal to a step of Newton and Schulz after a shift of 1e-3.
        allClose(backend.readSync(out), expected, { absolute: 1e-6 * Math.max(...expected) });
      });
      model[Symbol.dispose]();
    }
  });
}

for (
  const [method, Full, statistic] of [
    ["tekfac", TekfacBlock, traceKeeping],
    ["ekfac", EkfacBlock, independent],
  ] as const
) {
  Deno.test(`LowRankBlock with all directions is ${method} itself`, async () => {
    using backend = await createBackend({ prefer: ["reference"] });
    const { model, parameter, capture } = problem(backend, "dense", 3);
    const damping = { kind: "relative", tau: 0.3, floor: 1e-12, noiseEdge: false } as const;
    using low = new LowRankBlock(backend, parameter, { method, statistic, rank: 9, damping });
    using full = new Full(backend, parameter, { damping });
    backend.scope(() => {
      for (let step = 0; step < 4; step++) {
        const seen = capture();
        const blend = { decay: step === 0 ? 0 : 0.8, scale: (step === 0 ? 1 : 0.2) / EXAMPLES };
        const directions = [low, full].map((block) => {
          block.observeStatistics(seen, blend);
          new Refresher(backend, { kind: "immediate" }, 0).refresh(step, [block]);
          block.observeEigenvalues(seen, blend);
          const out = backend.scratch(6, 9);
          block.precondition(out, parameter.gradient, step);
          return backend.readSync(out);
        });
        // The shift of 1e-3 moves eigenvectors by as much over their gap, and the first basis is one step old.
        const size = Math.max(...directions[1].map(Math.abs));
        allClose(directions[0], directions[1], { absolute: 0.02 * size, label: `step ${step}` });
      }
    });
    model[Symbol.dispose]();
  });
}

Deno.test("LowRankBlock finds the leading directions of a factor that no batch shows alone", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  using model = sequential(backend, { input: [20], layers: [dense(12, { bias: false })], seed: 1 });
  const [parameter] = model.parameters;
  using block = new LowRankBlock(backend, parameter, {
    method: "ekfac",
    statistic: independent,
    rank: 3,
    damping: { kind: "absolute", lambda: 1 },
  });
  const random = new Random(5);
  const sizes = Array.from({ length: 20 }, (_, j) => j < 3 ? 10 : 0.5);
  for (let step = 0; step < 30; step++) {
    const inputs = randomMatrix(random, 4, 20);
    inputs.data.forEach((value, at) => inputs.data[at] = value * sizes[at % 20]);
    using x = upload(backend, inputs);
    using g = upload(backend, randomMatrix(random, 4, 12));
    const capture = { kind: "dense", examples: 4, inputs: x, outputGradients: g } as const;
    backend.scope(() => {
      const decay = Math.min(1 - 1 / (step + 1), 0.95);
      block.observeStatistics(capture, { decay, scale: (1 - decay) / 4 });
      if (step % 5 === 0) block.finishRefresh();
    });
  }
  // What the basis holds of the three large directions, of at most 3.
  const held = rowsOf(backend, block.input.basis).map((row) =>
    row.slice(0, 3).reduce((sum, v) => sum + v * v, 0)
  );
  assert(held.reduce((a, b) => a + b) > 2.98, `${held}`);
});

Deno.test("LowRankBlock stands where a capture is not finite, and goes on where it is empty", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  const { model, parameter, capture } = problem(backend, "dense", 8);
  using block = new LowRankBlock(backend, parameter, {
    method: "tekfac",
    statistic: traceKeeping,
    rank: 3,
    damping: { kind: "absolute", lambda: 1 },
  });
  const observation = { decay: 0, scale: 1 };
  using zeros = upload(backend, denseMatrix(2, 9));
  using none = upload(backend, denseMatrix(2, 6));
  backend.scope(() => {
    const empty = { kind: "dense", examples: 2, inputs: zeros, outputGradients: none } as const;
    block.observeStatistics(empty, observation);
    block.finishRefresh();
    assert(backend.readSync(block.input.basis).every(Number.isFinite));
    block.observeStatistics(capture(), observation);
    block.finishRefresh();
    const before = backend.readSync(block.input.basis);
    backend.write(block.input.product, new Float64Array(27).fill(NaN));
    block.finishRefresh();
    assert.deepEqual(backend.readSync(block.input.basis), before);
  });
  model[Symbol.dispose]();
});
