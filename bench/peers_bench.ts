/**
 * The same work here and in other libraries, in turns:
 * `deno task bench:peers [--json] [--save] [--only TEXT] [--seconds N] [--threads N]`.
 *
 * Every result is verified before it is timed. What a library cannot do, or is not installed, is said
 * in a line on standard error.
 *
 * @module
 */

import { type Backend, createBackend, probeSimd } from "@tekfac/tekfac/backend";
import { ContentionWatch, thisMachine } from "./machine.ts";
import { isWanted, printJson, readBenchArguments, remark } from "./output.ts";
import { createPeak } from "./peak.ts";
import { compare, type Comparison, type Outcome } from "./peers/compare.ts";
import { compareEkfacSteps } from "./peers/ekfac_step.ts";
import { jaxPeer } from "./peers/jax.ts";
import { mlMatrixPeer } from "./peers/ml_matrix.ts";
import type { Peer } from "./peers/peer.ts";
import { pythonPeer } from "./peers/python_peer.ts";
import { tekfacPeer } from "./peers/tekfac.ts";
import { tensorflowPeer } from "./peers/tensorflow.ts";
import { inputsOf, WORK, type Work } from "./peers/work.ts";
import { findError } from "./peers/verify.ts";
import { appendRun, type Row } from "./results.ts";
import { BENCH_MODELS } from "./step/models.ts";
import { formatTable, threeDigits } from "./table.ts";

const USAGE = `deno task bench:peers
Times matrix products, convolutions, eigenvectors, inverses and EKFAC steps beside jax-js,
TensorFlow.js, ml-matrix and, where installed, NumPy and PyTorch.`;

/** Threads of both sides in the comparisons of whole steps. */
const STEP_THREADS = [1, 2] as const;

/** Starts every library that is there. */
async function startPeers(): Promise<Peer[]> {
  const candidates: readonly [string, () => Promise<Peer | undefined>][] = [
    ["NumPy", () => pythonPeer("numpy")],
    ["PyTorch", () => pythonPeer("torch")],
    ["ml-matrix", mlMatrixPeer],
    ["TensorFlow.js", () => tensorflowPeer("cpu")],
    ["TensorFlow.js wasm", () => tensorflowPeer("wasm")],
    ["jax-js", jaxPeer],
  ];
  const peers: Peer[] = [];
  for (const [name, start] of candidates) {
    try {
      const peer = await start();
      if (peer === undefined) remark(`${name} left out: not installed`);
      else peers.push(peer);
    } catch (error) {
      remark(`${name} left out: ${(error as Error).message}`);
    }
  }
  return peers;
}

/** Four significant digits are more than timings have. */
function roundedRow(row: Comparison): Row {
  return Object.fromEntries(
    Object.entries(row).map(([key, value]) =>
      [key, typeof value === "number" ? Number(value.toPrecision(4)) : value] as const
    ),
  );
}

/** Prints, remembers and judges what the comparisons come to. */
class Report {
  readonly rows: Comparison[] = [];
  /** Worst scatter of our timings. */
  scatter = 1;
  readonly #json: boolean;
  readonly #reasons = new Set<string>();

  constructor(json: boolean) {
    this.#json = json;
  }

  /**
   * Takes one outcome. Reasons for having none go to standard error, each once for every kind of work.
   */
  add(kind: string, peer: string, outcome: Outcome): void {
    if (typeof outcome === "string") {
      const reason = `${kind}: ${peer}: ${outcome}`;
      if (!this.#reasons.has(reason)) remark(reason);
      this.#reasons.add(reason);
      return;
    }
    const { row } = outcome;
    this.rows.push(row);
    this.scatter = Math.max(this.scatter, outcome.scatter);
    if (this.#json) printJson(roundedRow(row));
  }

  /** The table of what was added since row `from`. */
  printTable(title: string, from: number): void {
    const rows = this.rows.slice(from);
    if (this.#json || rows.length === 0) return;
    const head = ["peer", "ours ms", "peer ms", "peer / ours", "GFLOP/s", "of peak"];
    console.log(`\n${title}`);
    console.log(formatTable(
      head,
      rows.map(({ peer, oursMs, peerMs, ratio, gflops, shareOfPeak }) => [
        peer,
        ...[oursMs, peerMs, ratio, gflops].map(threeDigits),
        `${(100 * shareOfPeak).toFixed(0)} %`,
      ]),
    ));
  }
}

/** One task with every library. */
async function compareWork(
  backend: Backend,
  work: Work,
  peers: readonly Peer[],
  peak: () => number,
  seconds: number,
  report: Report,
): Promise<void> {
  const inputs = inputsOf(work);
  const ours = await tekfacPeer(backend).prepare(work, inputs);
  if (typeof ours === "string") return remark(`${work.name}: ${ours}`);
  const from = report.rows.length;
  try {
    await ours.time(1);
    // Eigenvectors and inverses by their definition; products and convolutions by each peer's result.
    const error = findError(backend, work, inputs, await ours.result(), await ours.result());
    if (error !== undefined) throw new Error(`${work.name}: ${error}`);
    for (const peer of peers) {
      report.add(
        work.kind,
        peer.name,
        await compare(backend, work, inputs, ours, peer, peak, seconds),
      );
    }
  } finally {
    ours.close();
  }
  report.printTable(work.name, from);
}

/**
 * EKFAC steps of all models, on as many threads here as there.
 *
 * PyTorch's threads wait by spinning: where they do not have the cores to themselves, several are many
 * times slower than one. Such a time says nothing about PyTorch, so it is refused.
 */
async function compareSteps(
  only: readonly string[],
  peak: () => number,
  seconds: number,
  report: Report,
): Promise<void> {
  for (const model of BENCH_MODELS) {
    for (const batch of model.batchSizes) {
      const name = `EKFAC step, ${model.name}, batch ${batch}`;
      if (!isWanted(name, only)) continue;
      const from = report.rows.length;
      let fewer = Infinity;
      for (const threads of STEP_THREADS) {
        using backend = await createBackend({ prefer: ["wasm"], threads });
        const outcome = await compareEkfacSteps(backend, model, batch, threads, peak, seconds);
        const time = typeof outcome === "string" ? 0 : outcome.row.peerMs;
        const refused = `refused: ${threeDigits(time)} ms on ${threads} threads, ` +
          `${threeDigits(fewer)} ms on fewer; the cores are contended`;
        report.add(name, "PyTorch", time > fewer ? refused : outcome);
        if (time > 0) fewer = Math.min(fewer, time);
      }
      report.printTable(name, from);
    }
  }
}

async function main(): Promise<void> {
  const { json, save, only, seconds, threads } = readBenchArguments(USAGE, 3);
  const machine = thisMachine();
  const watch = new ContentionWatch();
  using backend = await createBackend({ prefer: ["wasm"], threads });
  const peak = createPeak(probeSimd()!);
  remark(`${machine.name}; ${machine.runtime}; ${backend.info.description}`);
  const report = new Report(json);
  const wanted = WORK.filter(({ name }) => isWanted(name, only));
  const peers = wanted.length === 0 ? [] : await startPeers();
  for (const work of wanted) await compareWork(backend, work, peers, peak, seconds, report);
  for (const peer of peers) await peer.close();
  await compareSteps(only, peak, 10 * seconds, report);
  const contended = watch.complaint(report.scatter);
  if (contended !== undefined) remark(`\n${contended}`);
  if (save) {
    const date = new Date().toISOString().slice(0, 10);
    const rows = report.rows.map(roundedRow);
    const { description } = backend.info;
    const run = { bench: "peers", date, backend: description, contended: contended ?? null, rows };
    remark(`saved to ${(await appendRun(machine, run)).pathname}`);
  }
}

// `deno bench` looks into this file, too: there is nothing for it to register.
if (import.meta.main) {
  await main();
  // Workers of other libraries would keep the program alive.
  Deno.exit();
}
