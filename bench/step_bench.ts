/**
 * What a training step costs with each optimizer, beside the plain SGD step of the same model:
 * `deno task bench:step [--json] [--save] [--only TEXT] [--seconds N] [--threads N]`.
 *
 * A step is everything: forward and backward pass, statistics, bases, eigenvalues, update; averaged
 * over a cycle of its intervals by timing its three kinds of steps and weighing their medians by their shares.
 * All optimizers take turns step by step. VGG16 takes minutes and is timed with `--only VGG16` alone.
 *
 * @module
 */

import { createBackend } from "@tekfac/tekfac";
import { presets } from "@tekfac/tekfac/optim";
import { ContentionWatch, thisMachine } from "./machine.ts";
import { isWanted, printJson, readBenchArguments, remark } from "./output.ts";
import { appendRun, type Row } from "./results.ts";
import { type LayerSizes, lowRankRatioBound, type Method, ratioBound } from "./step/bounds.ts";
import { measureSteps, type StepMeasurement } from "./step/measure.ts";
import { STEP_MODELS } from "./step/models.ts";
import {
  INTERVALS,
  LOW_RANK_INTERVALS,
  LOW_RANK_SHARES,
  SOAP_FREQUENCY,
  type StepKind,
  TRAINING,
} from "./step/rhythm.ts";
import { formatTable, threeDigits } from "./table.ts";

const USAGE = `deno task bench:step
Times one training step of every optimizer against SGD's.`;

/** One measured line and the bounds it is to be compared with. */
interface StepRow {
  readonly model: string;
  readonly batch: number;
  readonly optimizer: string;
  readonly stepMs: number;
  readonly ratioToSgd: number;
  /** Ratio of the operations. */
  readonly bound: number;
  /** Of curvature or moments. */
  readonly stateBytes: number;
}

function rowsOf(model: string, batch: number, { times, layers }: StepMeasurement): StepRow[] {
  return times.map(({ method, stepMs, ratioToSgd, stateBytes }) => ({
    model,
    batch,
    optimizer: method,
    stepMs: rounded(stepMs),
    ratioToSgd: rounded(ratioToSgd),
    bound: rounded(boundOf(method, layers, batch)),
    stateBytes,
  }));
}

const SOAP_INTERVALS = { statistics: 1, basis: SOAP_FREQUENCY, eigenvalues: 1 };

function boundOf(method: Method, layers: readonly LayerSizes[], batch: number): number {
  if (method !== "ekfac" && method !== "tekfac") {
    return ratioBound(method, layers, batch, method === "soap" ? SOAP_INTERVALS : INTERVALS);
  }
  return lowRankRatioBound(layers, batch, presets.default.rank as number, LOW_RANK_INTERVALS);
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

function printTable(rows: readonly StepRow[], measured: StepMeasurement): void {
  const { model, batch } = rows[0];
  const weights = measured.layers.reduce((sum, { dIn, dOut }) => sum + dIn * dOut, 0);
  console.log(
    `\n${model}, batch ${batch}: ${weights.toLocaleString("en")} weights, ` +
      `medians of ${measured.rounds} rounds`,
  );
  const head = ["optimizer", "step ms", "/ SGD", "bound", "state MB", "ordinary", "stat.", "basis"];
  console.log(formatTable(
    head,
    rows.map((row, i) => {
      const { ordinary, statistics, basis } = measured.times[i].kinds;
      const ratios = [row.ratioToSgd, row.bound];
      const cell = (ms: number | undefined): string => ms === undefined ? "" : threeDigits(ms);
      return [
        row.optimizer,
        threeDigits(row.stepMs),
        ...ratios.map((ratio) => ratio.toFixed(2)),
        (row.stateBytes / 1e6).toFixed(1),
        ...[ordinary, statistics, basis].map(cell),
      ];
    }),
  ));
}

const percent = (kind: StepKind): string => `${(100 * LOW_RANK_SHARES[kind]).toFixed(0)} %`;

async function main(): Promise<void> {
  const { json, save, only, seconds, threads } = readBenchArguments(USAGE, 30);
  const machine = thisMachine();
  const watch = new ContentionWatch();
  using backend = await createBackend({ prefer: ["wasm"], threads });
  remark(`${machine.name}; ${machine.runtime}; ${backend.info.description}`);
  if (!json) {
    console.log(
      "Milliseconds per step at the defaults, averaged over a cycle of their intervals. EKFAC and TEKFAC\n" +
        `(2 / 10 to 80 / 2), first ${TRAINING} steps: ${
          percent("statistics")
        } with statistics and eigenvalues,\n` +
        `${
          percent("basis")
        } with new bases besides; KFAC and TKFAC (10 / 100 / 10): 90, 9 and 1 %; SOAP, whose steps all observe: new bases in\n` +
        "10 %. 'bound' is the ratio of multiply-adds. The first layer needs no gradient of its inputs.",
    );
  }
  const saved: Row[] = [];
  let scatter = 1;
  for (const model of STEP_MODELS) {
    if (model.slow && only.length === 0) continue;
    for (const batch of model.batchSizes) {
      if (!isWanted(`${model.name}, batch ${batch}`, only)) continue;
      const measured = measureSteps(backend, model, batch, seconds);
      const rows = rowsOf(model.name, batch, measured);
      scatter = Math.max(scatter, measured.scatter);
      saved.push(...rows.map((row) => ({ ...row })));
      if (!json) printTable(rows, measured);
      for (const { bound: _, ...row } of json ? rows : []) printJson(row);
    }
  }
  const contended = watch.complaint(scatter);
  if (contended !== undefined) remark(`\n${contended}`);
  if (save) {
    const date = new Date().toISOString().slice(0, 10);
    const { description } = backend.info;
    const judged = { backend: description, contended: contended ?? null };
    const bench = ["step", ...only].join(", ");
    const run = { bench, date, ...judged, rows: saved };
    remark(`saved to ${(await appendRun(machine, run)).pathname}`);
  }
}

// `deno bench` looks into this file, too: there is nothing for it to register.
if (import.meta.main) await main();
