/**
 * How long the first step of a head on a frozen network takes, which is what somebody waits for who has just
 * shown five examples of each of four classes: `deno task bench:first [--json] [--save] [--seconds N]`.
 *
 * Processes of their own take it cold, where compilers have seen nothing yet; then, with other heads in the same
 * process, warm.
 *
 * @module
 */

import {
  createBackendSync,
  dense,
  objective,
  relu,
  sequential,
  softmaxCrossEntropy,
  tekfac,
} from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import { ContentionWatch, thisMachine } from "./machine.ts";
import { printJson, readBenchArguments, remark } from "./output.ts";
import { appendRun, type Row } from "./results.ts";
import { median, spread } from "./statistics.ts";
import { formatTable, threeDigits } from "./table.ts";

const USAGE = `deno task bench:first
Times the first step of a head 1280-64-4 on 20 examples.`;

const [FEATURES, HIDDEN, CLASSES, EXAMPLES] = [1280, 64, 4, 20];

/** Heads of one process, the first of them cold. */
const HEADS = 10;

/** Processes at least. */
const LEAST_PROCESSES = 5;

/** Milliseconds of the first and of the second step of one head after another. */
interface Times {
  readonly first: readonly number[];
  readonly second: readonly number[];
}

/** What a process does: features as of a network that ends with ReLU and a mean over pixels. */
function timeHeads(): Times {
  const random = new Random(1);
  const inputs = Float32Array.from(
    { length: EXAMPLES * FEATURES },
    () => Math.max(0, random.normal()),
  );
  const targets = Uint8Array.from({ length: EXAMPLES }, (_, i) => i % CLASSES);
  using backend = createBackendSync({ prefer: ["wasm"], threads: 1 });
  const layers = [dense(HIDDEN), relu(), dense(CLASSES)];
  const times = Array.from({ length: HEADS }, (_, seed) => {
    using model = sequential(backend, { input: [FEATURES], layers, seed });
    using optimizer = tekfac(objective(model, softmaxCrossEntropy()));
    return [0, 1].map(() => {
      const start = performance.now();
      optimizer.stepSync({ inputs, targets });
      return performance.now() - start;
    });
  });
  return { first: times.map(([first]) => first), second: times.map(([, second]) => second) };
}

/** The same in a process of its own. */
async function timeInProcess(): Promise<Times> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.url, CHILD],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)) as Times;
}

const CHILD = "--in-process";

async function main(): Promise<void> {
  if (Deno.args[0] === CHILD) return console.log(JSON.stringify(timeHeads()));
  const { json, save, seconds } = readBenchArguments(USAGE, 10);
  const machine = thisMachine();
  const watch = new ContentionWatch();
  remark(`${machine.name}; ${machine.runtime}`);
  const runs: Times[] = [];
  const end = performance.now() + 1000 * seconds;
  while (runs.length < LEAST_PROCESSES || performance.now() < end) runs.push(await timeInProcess());
  const warm = (times: readonly number[]): readonly number[] => times.slice(HEADS / 2);
  const kinds: readonly (readonly [string, readonly number[]])[] = [
    ["first step, cold", runs.map(({ first }) => first[0])],
    ["second step, cold", runs.map(({ second }) => second[0])],
    ["first step, warm", runs.flatMap(({ first }) => warm(first))],
    ["second step, warm", runs.flatMap(({ second }) => warm(second))],
  ];
  const rows = kinds.map(([step, times]): Row => ({
    step: `${step}, ${FEATURES}-${HIDDEN}-${CLASSES}, ${EXAMPLES} examples`,
    ms: Number(median(times).toPrecision(4)),
  }));
  if (json) rows.forEach(printJson);
  else {
    console.log(
      formatTable(["step", "ms"], rows.map(({ step, ms }) => [`${step}`, threeDigits(Number(ms))])),
    );
  }
  const contended = watch.complaint(spread(kinds[3][1]));
  if (contended !== undefined) remark(`\n${contended}`);
  if (save) {
    const date = new Date().toISOString().slice(0, 10);
    const run = { bench: "first step", date, contended: contended ?? null, rows };
    remark(`saved to ${(await appendRun(machine, run)).pathname}`);
  }
}

// `deno bench` looks into this file, too: there is nothing for it to register.
if (import.meta.main) await main();
