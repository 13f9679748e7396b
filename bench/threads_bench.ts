/**
 * What a second thread is worth: `deno task bench:threads [--json] [--save] [--only TEXT]
 * [--seconds N]`.
 *
 * One and two threads take turns, each long enough for its workers to be awake, and the medians of
 * the turns are compared. It takes two idle cores to show what threads can do: the control, two loops that
 * share nothing, says what could be had, before and after.
 *
 * @module
 */

import {
  type Backend,
  createBackendSync,
  objective,
  sequential,
  sgd,
  tekfac,
} from "@tekfac/tekfac";
import type { EighJob } from "@tekfac/tekfac/backend";
import type { Matrix } from "@tekfac/tekfac/core";
import { BenchMatrices } from "./_bench.ts";
import { BENCH_LAYERS, EXAMPLES } from "./_geometries.ts";
import { ContentionWatch, thisMachine } from "./machine.ts";
import { isWanted, printJson, readBenchArguments, remark } from "./output.ts";
import { appendRun, type Row } from "./results.ts";
import { median, spread } from "./statistics.ts";
import { batchesFor, BENCH_MODELS, type BenchModel, layerSpecs, lossOf } from "./step/models.ts";
import { RHYTHM } from "./step/rhythm.ts";
import { formatTable, threeDigits } from "./table.ts";
import { independentSpeedup } from "./threads/control.ts";

const USAGE = `deno task bench:threads
Times large verbs and training steps on two threads against one.`;

/** Something to do on a backend, again and again. */
interface Work {
  readonly name: string;
  /** Prepares it; what it allocates goes with the backend. */
  readonly prepare: (matrices: BenchMatrices) => {
    readonly run: () => void;
    /** Holds the result, which must be the same on both backends up to rounding. */
    readonly result?: Matrix;
  };
}

/** Milliseconds of one turn at least. */
const TURN_MS = 8;

function products(): Work[] {
  const square = [64, 96, 128, 192, 256, 384, 512, 1024].map((n) => [n, n, n] as const);
  return [...square, [512, 10, 512] as const, [128, 512, 785] as const].map(([m, n, k]) => ({
    name: `gemm ${m}x${n}x${k}`,
    prepare: ({ backend, normal }) => {
      const [a, b, result] = [normal(m, k), normal(k, n), backend.alloc(m, n)];
      return { run: () => backend.gemm(result, a, b), result };
    },
  }));
}

function moments(): Work[] {
  return [[65536, 16], [512, 64], [512, 128], [512, 513], [128, 785], [4096, 577]].map((
    [n, d],
  ) => ({
    name: `secondMoment ${n}x${d}, weighted`,
    prepare: ({ backend, normal }) => {
      const [x, weights, result] = [normal(n, d), normal(1, n), backend.alloc(d, d)];
      return { run: () => backend.secondMoment(result, x, { weights }), result };
    },
  }));
}

function convolutions(): Work[] {
  return BENCH_LAYERS.flatMap(({ name, geometry, outputs, sizes }) => {
    const pixels = EXAMPLES * geometry.height * geometry.width;
    const work = (
      verb: string,
      body: (backend: Backend, result: Matrix, inputs: Record<"x" | "w" | "g", Matrix>) => void,
      [rows, cols]: readonly [number, number],
    ): Work => ({
      name: `${verb} ${name}`,
      prepare: ({ backend, normal }) => {
        const result = backend.alloc(rows, cols);
        const inputs = {
          x: normal(pixels, geometry.channels),
          w: normal(outputs, sizes.dIn),
          g: normal(EXAMPLES * sizes.T, outputs),
        };
        return { run: () => body(backend, result, inputs), result };
      },
    });
    const { T, dIn } = sizes;
    return [
      work("conv2d", (b, out, { x, w }) => b.conv2d(out, x, w, geometry), [EXAMPLES * T, outputs]),
      work("conv2dDataGradient", (b, out, { g, w }) => b.conv2dDataGradient(out, g, w, geometry), [
        pixels,
        geometry.channels,
      ]),
      work(
        "conv2dWeightGradient",
        (b, out, { x, g }) => b.conv2dWeightGradient(out, x, g, geometry),
        [outputs, dIn],
      ),
      work("patchSecondMoment", (b, c, { x }) => b.patchSecondMoment(c, x, geometry), [dIn, dIn]),
    ];
  });
}

/** Divisions by curvature along 32 directions, and its moments from 32 examples. */
function lowRank(): Work[] {
  const divisions = [[512, 785], [250, 785], [64, 577], [512, 4609]].map(([dOut, dIn]): Work => ({
    name: `lowRankDivide ${dOut}x${dIn}`,
    prepare: ({ backend, normal }) => {
      const [x, result, moments] = [normal(dOut, dIn), backend.alloc(dOut, dIn), normal(33, 33)];
      const basis = { output: normal(32, dOut), input: normal(32, dIn) };
      const division = { moments, damping: 1e6 };
      return { run: () => backend.lowRankDivide(result, x, basis, division), result };
    },
  }));
  const layers = BENCH_LAYERS.map(({ name, geometry, outputs, sizes }): Work => ({
    name: `projectedMoments ${name}`,
    prepare: ({ backend, normal }) => {
      const [examples, kOut] = [32, Math.min(32, outputs)];
      const kIn = Math.min(32, sizes.dIn);
      const images = normal(examples * geometry.height * geometry.width, geometry.channels);
      const outputGradients = normal(examples * sizes.T, outputs);
      const capture = { kind: "conv2d", examples, geometry, images, outputGradients } as const;
      const basis = { output: normal(kOut, outputs), input: normal(kIn, sizes.dIn) };
      const result = backend.alloc(kOut + 1, kIn + 1);
      return { run: () => backend.projectedMoments(result, capture, basis), result };
    },
  }));
  return [...divisions, ...layers];
}

function eigenproblems(): Work[] {
  return [[64, 64, 64, 64], [256, 128, 64, 64], [512, 512], [785, 513, 512, 512, 10]].map(
    (orders) => ({
      name: `eigh ${orders.join(", ")}`,
      prepare: ({ backend, normal }) => {
        const jobs = orders.map((n): EighJob => {
          using x = normal(2 * n, n);
          const [matrix, vectors] = [backend.alloc(n, n), backend.alloc(n, n)];
          backend.secondMoment(matrix, x, { scale: 1 / n });
          return { matrix, vectors, values: backend.alloc(1, n), status: backend.alloc(1, 3) };
        });
        return { run: () => backend.eigh(jobs), result: jobs[0].values };
      },
    }),
  );
}

/** Steps over a whole cycle of the intervals would take too long: all kinds occur, in their shares. */
function steps(): Work[] {
  const work = (model: BenchModel, batch: number, method: "SGD" | "TEKFAC"): Work => ({
    name: `step of ${method}, ${model.name}, batch ${batch}`,
    prepare: ({ backend }) => {
      const data = batchesFor(model, batch);
      const goal = objective(
        sequential(backend, { input: model.input, layers: layerSpecs(model), seed: 1 }),
        lossOf(model),
      );
      const optimizer = method === "SGD"
        ? sgd(goal, { learningRate: model.sgdRate })
        : tekfac(goal, RHYTHM);
      return { run: () => void optimizer.stepSync(data[optimizer.stepCount % data.length]) };
    },
  });
  return BENCH_MODELS.flatMap((model) =>
    model.batchSizes.flatMap((batch) => [work(model, batch, "SGD"), work(model, batch, "TEKFAC")])
  );
}

/** Medians of both, and how far turns of one thread scatter. */
interface Comparison {
  readonly oneMs: number;
  readonly twoMs: number;
  readonly scatter: number;
}

function compare({ name, prepare }: Work, seconds: number): Comparison {
  using one = createBackendSync({ prefer: ["wasm"], threads: 1 });
  using two = createBackendSync({ prefer: ["wasm"], threads: 2 });
  startWorkers(two);
  const sides = [one, two].map((backend) => {
    const { run, result } = prepare(new BenchMatrices(backend));
    run();
    return { run, numbers: result && backend.readSync(result), times: [] as number[] };
  });
  const [expected, actual] = sides.map(({ numbers }) => numbers);
  if (expected !== undefined && actual !== undefined) verify(name, actual, expected);

  const turn = (run: () => void): number => {
    const start = performance.now();
    let count = 0;
    do {
      run();
      count++;
    } while (performance.now() - start < TURN_MS);
    return (performance.now() - start) / count;
  };
  for (const { run } of sides) turn(run);
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end || sides[0].times.length < 5) {
    for (const { run, times } of sides) times.push(turn(run));
  }
  const [oneMs, twoMs] = sides.map(({ times }) => median(times));
  return { oneMs, twoMs, scatter: spread(sides[0].times) };
}

/** Workers start when there has been work for them. */
function startWorkers(backend: Backend): void {
  using a = backend.alloc(1024, 1024);
  using c = backend.alloc(1024, 1024);
  for (let i = 0; i < 3; i++) backend.gemm(c, a, a);
}

function verify(name: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  let [difference, size] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference = Math.max(difference, Math.abs(actual[i] - expected[i]));
    size = Math.max(size, Math.abs(expected[i]));
  }
  if (difference <= 1e-5 * size) return;
  throw new Error(`Wrong result of ${name} on two threads: off by ${difference} of ${size}`);
}

async function main(): Promise<void> {
  const { json, save, only, seconds } = readBenchArguments(USAGE, 1);
  const machine = thisMachine();
  const watch = new ContentionWatch();
  remark(`${machine.name}; ${machine.runtime}`);
  const rows: Row[] = [];
  const control = async (when: string): Promise<void> => {
    const speedup = await independentSpeedup(seconds);
    const work = `control ${when}: two independent loops of gemm 256x256x256`;
    rows.push({ work, oneMs: null, twoMs: null, speedup });
    if (json) printJson(rows.at(-1)!);
    else remark(`${work}: ${speedup.toFixed(2)}`);
  };
  await control("before");
  const scatters: number[] = [];
  const all = [products(), moments(), convolutions(), lowRank(), eigenproblems(), steps()].flat();
  for (const work of all.filter(({ name }) => isWanted(name, only))) {
    const { oneMs, twoMs, scatter } = compare(work, seconds);
    const row = { work: work.name, oneMs, twoMs, speedup: oneMs / twoMs };
    rows.push(row);
    scatters.push(scatter);
    if (json) printJson(row);
    else remark(`${work.name}: ${row.speedup.toFixed(2)}`);
  }
  await control("after");
  if (!json) {
    const head = ["work", "one thread ms", "two threads ms", "speedup"];
    const lines = rows.map(({ work, oneMs, twoMs, speedup }) => [
      String(work),
      ...[oneMs, twoMs].map((ms) => ms === null ? "" : threeDigits(Number(ms))),
      Number(speedup).toFixed(2),
    ]);
    console.log(formatTable(head, lines));
  }
  const contended = watch.complaint(median(scatters));
  if (contended !== undefined) remark(`\n${contended}`);
  if (save) {
    const date = new Date().toISOString().slice(0, 10);
    const run = { bench: "threads", date, contended: contended ?? null, rows };
    remark(`saved to ${(await appendRun(machine, run)).pathname}`);
  }
}

// `deno bench` looks into this file, too: there is nothing for it to register.
if (import.meta.main) await main();
