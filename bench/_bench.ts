/**
 * What all kernel benches do: verify once, print a table of rates as shares of the peak of the same
 * moment, and register with `Deno.bench` for the times.
 *
 * @module
 */

import { type Backend, createBackendSync, flopsOf, type Verbs } from "@tekfac/tekfac/backend";
import { type Matrix, type OwnedMatrix, Random } from "@tekfac/tekfac/core";
import { createPeak } from "./peak.ts";

/** One measurement. */
export interface KernelBench {
  /** `"64x64x64 NN"`. */
  readonly name: string;
  /** The verb, for its row of the kernel table. */
  readonly verb: keyof Verbs;
  /** Values of that row's letters. */
  readonly sizes: Readonly<Record<string, number>>;
  /** Prepares the matrices and returns the call and a check of its result. */
  readonly prepare: (bench: BenchMatrices) => { run: () => void; verify: () => void };
}

/** Seeded inputs on the backend under test. */
export class BenchMatrices {
  readonly #random = new Random(1);

  /** Works on one backend for the whole run. */
  constructor(readonly backend: Backend) {}

  /** Standard normal numbers. */
  readonly normal = (rows: number, cols: number): OwnedMatrix => {
    const m = this.backend.alloc(rows, cols);
    this.backend.write(m, Float32Array.from({ length: rows * cols }, () => this.#random.normal()));
    return m;
  };

  /** The numbers of a matrix. */
  readonly read = (m: Matrix): Float32Array | Float64Array => {
    return this.backend.readSync(m);
  };
}

/** Milliseconds spent on the printed rate of one kernel. */
const BUDGET_MS = 60;
/** Both builds of the WebAssembly backend, and the columns that each fills in the table. */
const BUILDS = ["relaxed", "baseline"] as const;
const COLUMNS = ["ms", "GFLOP/s", "of peak"] as const;

/** Width of the names and of a number in the table. */
const [NAME_WIDTH, NUMBER_WIDTH] = [64, 9];

/** Verifies, prints a table and registers the benches, on both builds of the WebAssembly backend. */
export function benchKernels(benches: readonly KernelBench[]): void {
  const builds = BUILDS.map((simd) => ({
    simd,
    peak: createPeak(simd),
    matrices: new BenchMatrices(createBackendSync({ prefer: ["wasm"], simd })),
  }));
  printRow("", BUILDS.flatMap((simd) => [simd, "", ""]));
  printRow("", BUILDS.flatMap(() => COLUMNS));
  for (const { name, verb, sizes, prepare } of benches) {
    const title = `${verb} ${name}`;
    const flops = flopsOf(verb, sizes);
    const cells = builds.flatMap(({ simd, peak, matrices }) => {
      const { run, verify } = prepare(matrices);
      run();
      verify();
      Deno.bench({ name: `${title} [${simd}]`, group: title, fn: run });
      const { rate, limit } = measure(run, flops, peak);
      return [
        (flops / rate / 1e6).toPrecision(3),
        rate.toFixed(1),
        `${(100 * rate / limit).toFixed(0)} %`,
      ];
    });
    printRow(title, cells);
  }
}

function printRow(name: string, cells: readonly string[]): void {
  console.log(
    (name.padEnd(NAME_WIDTH) + cells.map((cell) => cell.padStart(NUMBER_WIDTH)).join("")).trimEnd(),
  );
}

/** The best rate of the call and of the peak, in GFLOP/s, measured in turns. */
function measure(run: () => void, flops: number, peak: () => number) {
  const repeat = Math.max(1, Math.ceil(2e7 / flops));
  let [rate, limit] = [0, 0];
  for (const end = performance.now() + BUDGET_MS; performance.now() < end;) {
    const start = performance.now();
    for (let i = 0; i < repeat; i++) run();
    rate = Math.max(rate, repeat * flops / (performance.now() - start) / 1e6);
    limit = Math.max(limit, peak());
  }
  return { rate, limit };
}

/** Throws unless the numbers agree; `scale` is the size of the terms that were summed. */
export function mustAgree(actual: number, expected: number, scale: number): void {
  if (Math.abs(actual - expected) <= 1e-5 * scale) return;
  throw new Error(`Wrong result: expected ${expected}, received ${actual}`);
}
