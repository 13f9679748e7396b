/**
 * The kernels and the training step on this host's GPU:
 * `deno task bench:gpu [--json] [--save] [--only TEXT] [--seconds N]`.
 *
 * Every result is verified before it is timed. The peak is measured in the same run, by a kernel that
 * multiplies and adds in registers alone. On an adapter in software sizes are small, and figures are
 * good for comparing two states of this library, for nothing else.
 *
 * @module
 */

import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { openBenchDevice, timeEnqueued } from "./gpu/device.ts";
import {
  eighTask,
  enqueued,
  gemmTask,
  type GpuTask,
  normals,
  secondMomentTask,
  verifyProduct,
} from "./gpu/kernels.ts";
import { createGpuPeak } from "./gpu/peak.ts";
import { type GpuPeer, startGpuPeers } from "./gpu/peers.ts";
import { measureGpuSteps } from "./gpu/step.ts";
import { thisMachine } from "./machine.ts";
import { isWanted, printJson, readBenchArguments, remark } from "./output.ts";
import { appendRun, type Row } from "./results.ts";
import { median } from "./statistics.ts";
import { type BenchModel, resnetStack } from "./step/models.ts";
import { formatTable, threeDigits } from "./table.ts";

const USAGE = `deno task bench:gpu
Times matrix products, second moments, eigenvectors and training steps on the GPU, beside jax-js and
TensorFlow.js where they run on it.`;

/** What is timed on a GPU, and on one in software. */
interface Plan {
  readonly products: readonly number[];
  readonly moments: readonly (readonly [rows: number, d: number])[];
  readonly eigh: readonly [n: number, count: number];
  readonly model: BenchModel;
  readonly batch: number;
  /** Milliseconds of a timing at least, so that the wait at its end does not count. */
  readonly leastMs: number;
}

const HARDWARE: Plan = {
  products: [256, 512, 1024, 2048, 4096],
  moments: [[16384, 1152], [65536, 577]],
  eigh: [256, 16],
  model: resnetStack(16),
  batch: 256,
  leastMs: 250,
};

const SOFTWARE: Plan = {
  products: [128, 256],
  moments: [[1024, 145]],
  eigh: [64, 4],
  model: resnetStack(4),
  batch: 2,
  leastMs: 40,
};

/** Medians are taken of so many timings. */
const SAMPLES = 5;

/** One line. */
interface KernelRow {
  readonly work: string;
  readonly oursMs: number;
  readonly gflops: number;
  readonly shareOfPeak: number;
  /** The other library, `null` in the line of ours alone. */
  readonly peer: string | null;
  readonly peerMs: number | null;
  readonly ratio: number | null;
}

/** Ours and the others in turns, with a look at the peak in every round. */
async function timeKernel(
  backend: Backend,
  task: GpuTask,
  products: readonly { readonly name: string; readonly work: Parameters<typeof timeEnqueued>[0] }[],
  peak: () => Promise<number>,
  leastMs: number,
): Promise<KernelRow[]> {
  task.run();
  await task.verify();
  const all = [enqueued(backend, task), ...products.map(({ work }) => work)];
  const times: number[][] = all.map(() => []);
  const peaks: number[] = [];
  for (let i = 0; i < SAMPLES; i++) {
    for (const [k, work] of all.entries()) times[k].push(await timeEnqueued(work, leastMs));
    peaks.push(await peak());
  }
  const [oursMs, ...others] = times.map(median);
  const gflops = task.flops / oursMs / 1e6;
  const ours = { work: task.name, oursMs, gflops, shareOfPeak: gflops / Math.max(...peaks) };
  return [
    { ...ours, peer: null, peerMs: null, ratio: null },
    ...products.map(({ name: peer }, i) => {
      return { ...ours, peer, peerMs: others[i], ratio: others[i] / oursMs };
    }),
  ];
}

/** A product of square matrices here and in the other libraries; wrong ones are left out. */
async function timeProduct(
  backend: Backend,
  n: number,
  peers: readonly GpuPeer[],
  peak: () => Promise<number>,
  leastMs: number,
): Promise<KernelRow[]> {
  using stack = new DisposableStack();
  const [a, b] = [normals(n * n, 1), normals(n * n, 2)];
  const products = [];
  for (const peer of peers) {
    try {
      const work = stack.use(peer.prepare(n, a, b));
      work.run();
      verifyProduct(await work.result(), a, b, n);
      products.push({ name: peer.name, work });
    } catch (error) {
      remark(`gemm, n = ${n}: ${peer.name} left out: ${(error as Error).message}`);
    }
  }
  const task = stack.use(gemmTask(backend, n, a, b));
  return await timeKernel(backend, task, products, peak, leastMs);
}

/** All kernels that were asked for. */
async function timeKernels(
  backend: Backend,
  peak: () => Promise<number>,
  plan: Plan,
  only: readonly string[],
): Promise<KernelRow[]> {
  const { products, moments, eigh, leastMs } = plan;
  const rows: KernelRow[] = [];
  const sizes = products.filter((n) => isWanted(`gemm, n = ${n}`, only));
  const peers = sizes.length === 0 ? [] : await startGpuPeers(remark);
  for (const n of sizes) rows.push(...await timeProduct(backend, n, peers, peak, leastMs));
  const builders: readonly (() => GpuTask)[] = [
    ...moments.map((size) => () => secondMomentTask(backend, ...size)),
    () => eighTask(backend, ...eigh),
  ];
  for (const build of builders) {
    using task = build();
    if (isWanted(task.name, only)) {
      rows.push(...await timeKernel(backend, task, [], peak, leastMs));
    }
  }
  return rows;
}

function printKernels(rows: readonly KernelRow[]): void {
  const cell = (value: number | null): string => value === null ? "" : threeDigits(value);
  console.log(formatTable(
    ["work", "peer", "ours ms", "peer ms", "peer / ours", "GFLOP/s", "of peak"],
    rows.map(({ work, peer, oursMs, peerMs, ratio, gflops, shareOfPeak }) => [
      work,
      peer ?? "",
      ...[oursMs, peerMs, ratio, gflops].map(cell),
      `${(100 * shareOfPeak).toFixed(0)} %`,
    ]),
  ));
}

async function main(): Promise<void> {
  const { json, save, only, seconds } = readBenchArguments(USAGE, 30);
  const open = await openBenchDevice();
  const plan = open.software ? SOFTWARE : HARDWARE;
  using backend = await createBackend({ prefer: ["webgpu"], device: open.device });
  const { runtime } = thisMachine();
  remark(`${open.name}; ${runtime}; ${backend.info.description}`);
  if (open.software) remark("an adapter in software: these figures say nothing about GPUs");
  const peak = createGpuPeak(open.device, open.software);
  // The first one compiles.
  const peakGflops = Math.max(await peak(), await peak(), await peak());
  remark(`peak of multiply-adds in registers: ${threeDigits(peakGflops)} GFLOP/s`);
  const where = { adapter: open.name, peakGflops };

  const kernels = await timeKernels(backend, peak, plan, only);
  const rows: Row[] = kernels.map((row) => rounded({ ...row, ...where }));
  if (json) rows.forEach(printJson);
  else if (rows.length > 0) printKernels(kernels);

  const { model, batch } = plan;
  if (isWanted(`${model.name}, batch ${batch}`, only)) {
    const times = await measureGpuSteps(backend, model, batch, seconds);
    const steps = (["sgd", "tekfac"] as const).map((optimizer) => {
      const stepMs = times[optimizer];
      const what = { model: model.name, batch, optimizer };
      return rounded({ ...what, stepMs, ratioToSgd: stepMs / times.sgd, ...where });
    });
    rows.push(...steps);
    if (json) steps.forEach(printJson);
    else printSteps(`${model.name}, batch ${batch}`, times);
  }
  if (save) {
    const date = new Date().toISOString().slice(0, 10);
    const { description } = backend.info;
    const run = { bench: "gpu", date, backend: description, contended: null, rows };
    remark(`saved to ${(await appendRun({ name: open.name, runtime }, run)).pathname}`);
  }
}

function printSteps(title: string, { sgd, tekfac }: { sgd: number; tekfac: number }): void {
  console.log(`\n${title}: milliseconds per step, intervals 10 / 100 / 10`);
  console.log(formatTable(["optimizer", "step ms", "/ SGD"], [
    ["sgd", threeDigits(sgd), "1.00"],
    ["tekfac", threeDigits(tekfac), (tekfac / sgd).toFixed(2)],
  ]));
}

/** Four significant digits are more than timings have. */
function rounded(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) =>
      [key, typeof value === "number" ? Number(value.toPrecision(4)) : value] as const
    ),
  );
}

// `deno bench` looks into this file, too: there is nothing for it to register.
if (import.meta.main) {
  await main();
  // Other libraries would keep the program alive.
  Deno.exit();
}
