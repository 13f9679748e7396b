/** Blocks of embeddings and of scales and shifts, against dense matrices. */
import assert from "#assert";
import { type Backend, createBackendSync } from "@tekfac/tekfac/backend";
import { type Matrix, type Parameter, Random } from "@tekfac/tekfac/core";
import {
  type Block,
  EmbeddingBlock,
  Refresher,
  ScaleShiftBlock,
  toDense,
} from "@tekfac/tekfac/curvature";
import { type DenseMatrix, denseMatrix, eigh, gemm } from "@tekfac/tekfac/linalg";
import { embedding, layerNorm, sequential } from "@tekfac/tekfac/nn";
import { allClose, download, randomMatrix, upload } from "@tekfac/tekfac/testing";

const [VOCABULARY, WIDTH, EXAMPLES, POSITIONS] = [7, 6, 9, 4];
const LAMBDA = 0.05;
const FIRST = { decay: 0, scale: 1 / EXAMPLES };

function onTable(body: (backend: Backend, parameter: Parameter) => void): void {
  using backend = createBackendSync({ prefer: ["reference"] });
  const layers = [embedding({ vocabulary: VOCABULARY, width: WIDTH })];
  using model = sequential(backend, { input: [POSITIONS], layers, seed: 1 });
  body(backend, model.parameters[0]);
}

/** Tokens that repeat within examples, one of which never occurs; and gradients [N T, width]. */
function batchOf(random: Random): { tokens: DenseMatrix; g: DenseMatrix; tables: DenseMatrix[] } {
  const count = EXAMPLES * POSITIONS;
  const tokens = denseMatrix(
    1,
    count,
    Float64Array.from({ length: count }, () => random.integer(VOCABULARY - 1)),
  );
  // Channels of different sizes, so that the factor's eigenvalues are apart.
  const g = randomMatrix(random, count, WIDTH);
  g.data.forEach((value, i) => g.data[i] = value * 2 ** -(i % WIDTH));
  const tables = Array.from({ length: EXAMPLES }, (_, n) => {
    const table = denseMatrix(VOCABULARY, WIDTH);
    for (let t = n * POSITIONS; t < (n + 1) * POSITIONS; t++) {
      for (let c = 0; c < WIDTH; c++) {
        table.data[tokens.data[t] * WIDTH + c] += g.data[t * WIDTH + c];
      }
    }
    return table;
  });
  return { tokens, g, tables };
}

/** Observes once; the step of a gradient. */
function stepOf(
  backend: Backend,
  block: Block,
  { tokens, g }: { tokens: DenseMatrix; g: DenseMatrix },
  source: DenseMatrix,
): Float64Array {
  using t = upload(backend, tokens);
  using outputGradients = upload(backend, g);
  using from = upload(backend, source);
  const capture = { kind: "embedding", examples: EXAMPLES, tokens: t, outputGradients } as const;
  return backend.scope(() => {
    block.observeStatistics!(capture, FIRST);
    if (block.findBasis?.(EXAMPLES)) block.observeStatistics!(capture, FIRST);
    new Refresher(backend, { kind: "immediate" }, 0).refresh(0, [block]);
    block.observeEigenvalues!(capture, FIRST);
    const out = backend.scratch(VOCABULARY, WIDTH);
    block.precondition(out, from, 0);
    checkOperator(backend, block, source, out);
    return Float64Array.from(backend.readSync(out));
  });
}

/** What a block says it is solves its own equation: `(F + lambda) U = S`. */
function checkOperator(backend: Backend, block: Block, source: DenseMatrix, out: Matrix): void {
  const u = download(backend, out).data;
  const f = download(backend, toDense(backend, block));
  const left = gemm(f, denseMatrix(u.length, 1, u)).data.map((x, i) => x + LAMBDA * u[i]);
  // The basis of a sketch is orthonormal to single precision.
  const relative = block.state.outputSketch === undefined ? 1e-11 : 1e-5;
  allClose(left, source.data, { absolute: relative * f.data.reduce((a, b) => Math.max(a, b)) });
}

/** `U_v = sum_j (S_v . q_j) / (theta_vj + lambda) q_j`, columns q_j. */
function expectedStep(
  source: DenseMatrix,
  q: DenseMatrix,
  theta: (v: number, j: number) => number,
): Float64Array {
  const coordinates = gemm(source, q);
  coordinates.data.forEach((value, i) => {
    coordinates.data[i] = value / (theta(Math.floor(i / WIDTH), i % WIDTH) + LAMBDA);
  });
  return gemm(coordinates, q, { transposeB: true }).data;
}

const mean = (values: readonly number[]) => values.reduce((sum, v) => sum + v, 0) / EXAMPLES;

/** Eigenvectors of `sum g g^T`, ascending. */
const basisOf = (g: DenseMatrix) => eigh(gemm(g, g, { transposeA: true }));

const damping = { kind: "absolute", lambda: LAMBDA } as const;

for (const method of ["ekfac", "tekfac"] as const) {
  for (const rank of ["full", 3] as const) {
    Deno.test(`EmbeddingBlock of ${method}, rank ${rank}, is the operator of dense tables`, () =>
      onTable((backend, parameter) => {
        const random = new Random(5);
        const batch = batchOf(random);
        const source = randomMatrix(random, VOCABULARY, WIDTH);
        using block = new EmbeddingBlock(backend, parameter, { method, rank, damping });
        const actual = stepOf(backend, block, batch, source);

        const q = basisOf(batch.g).vectors;
        const along = batch.tables.map((table) => gemm(table, q).data);
        const moment = (v: number, j: number) => mean(along.map((p) => p[v * WIDTH + j] ** 2));
        const kept = rank === "full" ? WIDTH : rank;
        // Ascending: the leading directions are the last.
        const rest = (v: number) => {
          let sum = 0;
          for (let j = 0; j < WIDTH - kept; j++) sum += moment(v, j);
          return sum / (WIDTH - kept);
        };
        const theta = (v: number, j: number) => j >= WIDTH - kept ? moment(v, j) : rest(v);
        const expected = expectedStep(source, q, theta);
        // The sketch's shift of 1e-3 turns directions by about as much of the gaps between them.
        const error = rank === "full" ? 1e-11 : 1e-2;
        allClose(actual, expected, { absolute: error * Math.max(...expected.map(Math.abs)) });

        // A token without examples moves by its gradient / lambda.
        const last = (VOCABULARY - 1) * WIDTH;
        const free = source.data.subarray(last).map((s) => s / LAMBDA);
        allClose(actual.subarray(last), free, { relative: 1e-9 });

        const trace = mean(batch.tables.map((t) => t.data.reduce((sum, x) => sum + x * x, 0)));
        const spectrum = backend.scope(() => [...backend.readSync(block.spectrum())]);
        allClose([spectrum.reduce((a, b) => a + b)], [trace], { relative: 1e-9 });
      }));
  }
}

for (const method of ["kfac", "tkfac"] as const) {
  Deno.test(`EmbeddingBlock of ${method} is the product of its factors`, () =>
    onTable((backend, parameter) => {
      const random = new Random(6);
      const batch = batchOf(random);
      const source = randomMatrix(random, VOCABULARY, WIDTH);
      using block = new EmbeddingBlock(backend, parameter, { method, damping });
      const actual = stepOf(backend, block, batch, source);

      const { vectors, values } = basisOf(batch.g);
      const a = new Float64Array(VOCABULARY);
      batch.tokens.data.forEach((token, i) => {
        const row = batch.g.data.subarray(i * WIDTH, (i + 1) * WIDTH);
        a[token] += (method === "kfac" ? 1 : row.reduce((sum, x) => sum + x * x, 0)) / EXAMPLES;
      });
      const scale = method === "kfac" ? 1 / POSITIONS : 1 / a.reduce((sum, x) => sum + x, 0);
      const theta = (v: number, j: number) => a[v] * values[j] / EXAMPLES * scale;
      const expected = expectedStep(source, vectors, theta);
      allClose(actual, expected, { absolute: 1e-11 * Math.max(...expected.map(Math.abs)) });
    }));
}

Deno.test("EmbeddingBlock carries its moments over to a new basis without changing their sum", () =>
  onTable((backend, parameter) => {
    const random = new Random(7);
    for (const rank of ["full", 2] as const) {
      using block = new EmbeddingBlock(backend, parameter, { method: "tekfac", rank, damping });
      const source = randomMatrix(random, VOCABULARY, WIDTH);
      stepOf(backend, block, batchOf(random), source);
      const sum = () =>
        backend.scope(() => [...backend.readSync(block.spectrum())].reduce((a, b) => a + b));
      const before = sum();
      const { tokens, g } = batchOf(random);
      using t = upload(backend, tokens);
      using outputGradients = upload(backend, g);
      const capture = {
        kind: "embedding",
        examples: EXAMPLES,
        tokens: t,
        outputGradients,
      } as const;
      backend.scope(() => {
        block.observeStatistics(capture, { decay: 0.5, scale: 0.5 / EXAMPLES });
        new Refresher(backend, { kind: "immediate" }, 0).refresh(1, [block]);
      });
      allClose([sum()], [before], { relative: 1e-9 });
    }
  }));

for (const exponent of [1, 0.5]) {
  Deno.test(`ScaleShiftBlock divides by (F_c + lambda)^${exponent}, F_c from dense gradients`, () => {
    using backend = createBackendSync({ prefer: ["reference"] });
    const channels = 5;
    using model = sequential(backend, { input: [channels], layers: [layerNorm()] });
    const [parameter] = model.parameters;
    const random = new Random(8);
    const gradients = randomMatrix(random, EXAMPLES, 2 * channels);
    // One channel without gradients, one whose two always agree.
    for (let n = 0; n < EXAMPLES; n++) {
      const row = gradients.data.subarray(n * 2 * channels, (n + 1) * 2 * channels);
      row[0] = row[channels] = 0;
      row[1] = row[channels + 1];
    }
    const source = randomMatrix(random, 2, channels);
    using from = upload(backend, source);
    using matrix = upload(backend, gradients);
    using block = new ScaleShiftBlock(backend, parameter, { damping, exponent });
    const actual = backend.scope(() => {
      block.observeEigenvalues({ kind: "elements", examples: EXAMPLES, gradients: matrix }, FIRST);
      const out = backend.scratch(2, channels);
      block.precondition(out, from, 0);
      if (exponent === 1) checkOperator(backend, block, source, out);
      return backend.readSync(out);
    });
    for (let c = 0; c < channels; c++) {
      const pair = (i: number, j: number) =>
        mean(
          Array.from({ length: EXAMPLES }, (_, n) =>
            gradients.data[(2 * n + i) * channels + c] *
            gradients.data[(2 * n + j) * channels + c]),
        );
      const f = denseMatrix(2, 2, [pair(0, 0), pair(0, 1), pair(1, 0), pair(1, 1)]);
      const { vectors, values } = eigh(f);
      const x = denseMatrix(2, 1, [source.data[c], source.data[channels + c]]);
      const along = gemm(vectors, x, { transposeA: true });
      along.data.forEach((value, i) =>
        along.data[i] = value / (Math.max(values[i], 0) + LAMBDA) ** exponent
      );
      const expected = gemm(vectors, along).data;
      allClose([actual[c], actual[channels + c]], expected, {
        absolute: 1e-10,
        label: `channel ${c}`,
      });
    }
    assert.equal(block.method, "scaleShift");
  });
}
