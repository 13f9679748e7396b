/**
 * What units that have died cost: kernels on averages whose dead rows and columns have decayed for a
 * long time, beside the same kernels on averages of live units. Prints the ratio of the times, which
 * must stay below 2.
 */

import {
  type Backend,
  createBackendSync,
  type EighJob,
  type SimdFlavour,
} from "@tekfac/tekfac/backend";
import { type Matrix, Random } from "@tekfac/tekfac/core";

const SIZE = 128;
const EXAMPLES = 128;

/** Which units died, and how little has been left of their averages. */
type Lives = (unit: number) => number;

const alive: Lives = () => 1;
/** Every third, one after the other: 1e-28, 1e-28.5, ... across the denormal range and beyond. */
const dying: Lives = (unit) => unit % 3 === 1 ? 10 ** -(28 + unit / 6 % 20) : 1;

/** Inputs of all kernels for units of the given lives. */
class Work {
  readonly #random = new Random(1);

  constructor(readonly backend: Backend, readonly lives: Lives) {}

  /** Numbers of live units; 0 for dead ones. */
  observations(rows = EXAMPLES): Matrix {
    return this.#fill(rows, (_, j) => this.lives(j) < 1 ? 0 : this.#random.normal());
  }

  /** Numbers that have nothing to do with units. */
  normal(rows = SIZE): Matrix {
    return this.#fill(rows, () => this.#random.normal());
  }

  /** Averages of products of units' numbers: they decay since the first of two died. */
  average(): Matrix {
    const values = this.#fill(
      SIZE,
      (i, j) => Math.min(this.lives(i), this.lives(j)) * (i === j ? 2 : 0.1),
    );
    const out = this.#fill(SIZE, () => 0);
    // As any average, it comes out of the verb that makes averages.
    this.backend.secondMoment(out, this.observations(), { scale: 1 / EXAMPLES });
    this.backend.axpby(out, 1, values, 1);
    return out;
  }

  /** An average that is never negative. */
  squares(): Matrix {
    return this.#fill(SIZE, (i, j) => Math.min(this.lives(i), this.lives(j)));
  }

  /** An eigenvalue problem of an average. */
  eigenproblem(): EighJob {
    return {
      matrix: this.average(),
      vectors: this.backend.alloc(SIZE, SIZE),
      values: this.backend.alloc(1, SIZE),
      status: this.backend.alloc(1, 3),
    };
  }

  /** Eigenvectors of an average. */
  basis(): Matrix {
    const job = this.eigenproblem();
    this.backend.eigh([job]);
    return job.vectors;
  }

  #fill(rows: number, entry: (i: number, j: number) => number): Matrix {
    const m = this.backend.alloc(rows, SIZE);
    this.backend.write(
      m,
      Float32Array.from(
        { length: rows * SIZE },
        (_, k) => entry(Math.floor(k / SIZE), k % SIZE),
      ),
    );
    return m;
  }
}

/** Calls by name; averages are carried on with decay 1, so that they stay what they are. */
const KERNELS: Readonly<Record<string, (work: Work) => () => void>> = {
  secondMoment: (work) => {
    const [c, x] = [work.average(), work.observations()];
    return () => work.backend.secondMoment(c, x, { decay: 1, scale: 0 });
  },
  gemm: (work) => {
    const [c, a, b] = [work.normal(), work.average(), work.normal()];
    return () => work.backend.gemm(c, a, b);
  },
  "eigh cold": (work) => {
    const job = work.eigenproblem();
    return () => work.backend.eigh([job]);
  },
  "eigh kept": (work) => {
    const job = { ...work.eigenproblem(), previous: work.basis(), staleness: 1 };
    return () => work.backend.eigh([job]);
  },
  choleskyInverse: (work) => {
    const [out, x, status] = [work.normal(), work.average(), work.backend.alloc(1, 1)];
    return () => work.backend.choleskyInverse(out, x, 1, 0.1, status);
  },
  rotateInto: (work) => {
    const [out, x] = [work.normal(), work.observations(SIZE)];
    const basis = { output: work.basis(), input: work.basis() };
    return () => work.backend.rotateInto(out, x, basis);
  },
  rotateBack: (work) => {
    const [out, x, eigenvalues] = [work.normal(), work.observations(SIZE), work.squares()];
    const basis = { output: work.basis(), input: work.basis() };
    return () => work.backend.rotateBack(out, x, basis, { eigenvalues, damping: 1e-3 });
  },
  dampedDivide: (work) => {
    const [out, x, eigenvalues] = [work.normal(), work.observations(SIZE), work.squares()];
    return () => work.backend.dampedDivide(out, x, { eigenvalues, damping: 1e-3 });
  },
  squaredProjection: (work) => {
    const [theta, inputs, outputGradients] = [
      work.squares(),
      work.observations(),
      work.observations(),
    ];
    const basis = { output: work.basis(), input: work.basis() };
    const capture = { kind: "dense", examples: EXAMPLES, inputs, outputGradients } as const;
    return () => work.backend.squaredProjection(theta, capture, basis, { decay: 1, scale: 0 });
  },
  axpby: (work) => {
    const [y, x] = [work.average(), work.observations(SIZE)];
    return () => work.backend.axpby(y, 0, x, 1);
  },
  squares: (work) => {
    const [out, x] = [work.squares(), work.observations(SIZE)];
    return () => work.backend.squares(out, x, { decay: 1, scale: 0 });
  },
  adamDirection: (work) => {
    const [out, m, v, g] = [
      work.normal(),
      work.average(),
      work.squares(),
      work.observations(SIZE),
    ];
    const numbers = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, count: 1000 };
    return () => work.backend.adamDirection(out, m, v, g, numbers);
  },
};

/** Milliseconds spent on each comparison. */
const BUDGET_MS = 100;

/** The best times of both calls, taken in turns. */
function bestTimes(calls: readonly (() => void)[]): number[] {
  const best = calls.map(() => Infinity);
  for (const end = performance.now() + BUDGET_MS; performance.now() < end;) {
    calls.forEach((call, i) => {
      const start = performance.now();
      for (let k = 0; k < 10; k++) call();
      best[i] = Math.min(best[i], (performance.now() - start) / 10);
    });
  }
  return best;
}

function compare(simd: SimdFlavour): void {
  const backend = createBackendSync({ prefer: ["wasm"], simd });
  for (const [name, prepare] of Object.entries(KERNELS)) {
    const [healthy, sick] = [alive, dying].map((lives) => prepare(new Work(backend, lives)));
    const [expected, actual] = bestTimes([healthy, sick]);
    console.log(
      `${name} [${simd}]: ${(1e3 * actual).toPrecision(3)} us with dead units, ` +
        `${(actual / expected).toFixed(2)} times that without`,
    );
    Deno.bench({ name: `${name} with dead units [${simd}]`, group: name, fn: sick });
  }
}

for (const simd of ["relaxed", "baseline"] as const) compare(simd);
