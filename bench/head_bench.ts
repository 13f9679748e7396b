/**
 * How long a head on a frozen network learns until it is nearly as good as it gets, TEKFAC beside Adam with the best
 * of three rates: `deno task bench:head [--json] [--save] [--seconds N]`.
 *
 * Features are drawn as a network that ends with ReLU and a mean over pixels leaves them: 1,280 numbers >= 0, few
 * directions of much variance, and classes that overlap. The target is 95 % of the best accuracy on held-out examples
 * that any run of the seed has reached. Time is that of steps alone; accuracy is looked at after each, beside the clock.
 *
 * @module
 */

import {
  adam,
  batches,
  type BatchLike,
  createBackendSync,
  type Dataset,
  head,
  type ModelObjective,
  objective,
  type Optimizer,
  sequential,
  softmaxCrossEntropy,
  table,
  tekfac,
} from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import { ContentionWatch, thisMachine } from "./machine.ts";
import { printJson, readBenchArguments, remark } from "./output.ts";
import { appendRun, type Row } from "./results.ts";
import { median, spread } from "./statistics.ts";
import { formatTable, threeDigits } from "./table.ts";

const USAGE = `deno task bench:head
Times heads of 1280 features and 4 classes on 200 examples until 95 % of the best accuracy.`;

const [FEATURES, CLASSES, TRAIN, TEST, BATCH, EPOCHS, SHARE] = [1280, 4, 200, 800, 50, 20, 0.95];

/** Directions in which features vary together, and how far apart classes are in units of their deviation. */
const [DIRECTIONS, DISTANCE] = [40, 0.55];

/** Seeds at least. */
const LEAST_SEEDS = 3;

const RATES = [3e-4, 1e-3, 3e-3];

type Create = (goal: ModelObjective) => Optimizer<BatchLike>;
const METHODS: readonly (readonly [string, Create])[] = [
  ["tekfac", (goal) => tekfac(goal)],
  ...RATES.map((learningRate) =>
    [`adam ${learningRate}`, (goal: ModelObjective) => adam(goal, { learningRate })] as const
  ),
];

/** A course: milliseconds of steps so far and accuracy, after each step. */
interface Course {
  readonly first: number;
  readonly points: readonly { readonly ms: number; readonly accuracy: number }[];
}

/** Embeddings of examples of four classes: `max(0, M_label + W h + noise)`, h of a falling spectrum. */
function embeddings(seed: number): { train: Dataset; test: Dataset } {
  const random = new Random(seed);
  const normals = (count: number) => Float64Array.from({ length: count }, () => random.normal());
  const mix = normals(FEATURES * DIRECTIONS);
  const means = Array.from({ length: CLASSES }, () => normals(DIRECTIONS));
  const draw = (examples: number): Dataset => {
    const targets = Uint8Array.from({ length: examples }, (_, i) => i % CLASSES);
    const inputs = new Float32Array(examples * FEATURES);
    targets.forEach((label, n) => {
      const hidden = normals(DIRECTIONS).map((h, k) =>
        (h + DISTANCE * means[label][k]) / (1 + k / 4)
      );
      for (let i = 0; i < FEATURES; i++) {
        let sum = 0.3 * random.normal();
        for (let k = 0; k < DIRECTIONS; k++) sum += mix[i * DIRECTIONS + k] * hidden[k] / 2;
        inputs[n * FEATURES + i] = Math.max(0, sum);
      }
    });
    return table({ inputs, targets, classes: CLASSES, shape: [FEATURES] });
  };
  return { train: draw(TRAIN), test: draw(TEST) };
}

function courseOf(
  create: Create,
  hidden: number | undefined,
  data: ReturnType<typeof embeddings>,
  seed: number,
): Course {
  using backend = createBackendSync({ prefer: ["wasm"], threads: 1 });
  const layers = head({ classes: CLASSES, ...(hidden === undefined ? {} : { hidden }) });
  using model = sequential(backend, { input: [FEATURES], layers, seed });
  const goal = objective(model, softmaxCrossEntropy());
  using optimizer = create(goal);
  const points: { ms: number; accuracy: number }[] = [];
  let [ms, first] = [0, 0];
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    for (const batch of batches(data.train, { size: BATCH, shuffle: { seed, epoch } })) {
      const start = performance.now();
      optimizer.stepSync(batch);
      ms += performance.now() - start;
      if (points.length === 0) first = ms;
      const { accuracy } = goal.evaluateSync(batches(data.test, { size: TEST }));
      points.push({ ms, accuracy: accuracy! });
    }
  }
  return { first, points };
}

/** All methods, another one first with every seed: whoever comes first pays for what comes before. */
function inTurn<T>(seed: number, body: (create: Create) => T): T[] {
  const results: T[] = [];
  METHODS.forEach((_, i) => {
    const turn = (i + seed) % METHODS.length;
    results[turn] = body(METHODS[turn][1]);
  });
  return results;
}

/** Courses of one seed, judged by the best of them. */
function judge(
  courses: readonly Course[],
): { steps: number; ms: number; first: number; best: number }[] {
  const reachable = Math.max(...courses.flatMap(({ points }) => points.map((p) => p.accuracy)));
  return courses.map(({ first, points }) => {
    const at = points.findIndex(({ accuracy }) => accuracy >= SHARE * reachable);
    const [steps, ms] = at === -1 ? [Infinity, Infinity] : [at + 1, points[at].ms];
    return { steps, ms, first, best: Math.max(...points.map(({ accuracy }) => accuracy)) };
  });
}

async function main(): Promise<void> {
  const { json, save, seconds } = readBenchArguments(USAGE, 20);
  const machine = thisMachine();
  const watch = new ContentionWatch();
  remark(`${machine.name}; ${machine.runtime}`);
  const rows: Row[] = [];
  const firsts: number[] = [];
  for (const hidden of [undefined, 64]) {
    const seen: ReturnType<typeof judge>[] = [];
    const end = performance.now() + 1000 * seconds / 2;
    courseOf(METHODS[0][1], hidden, embeddings(0), 0); // compilers see everything once
    for (let seed = 1; seed <= LEAST_SEEDS || performance.now() < end; seed++) {
      const data = embeddings(seed);
      seen.push(judge(inTurn(seed, (create) => courseOf(create, hidden, data, seed))));
    }
    firsts.push(...seen.map(([tekfac]) => tekfac.first));
    METHODS.forEach(([method], i) => {
      const of = (key: "steps" | "ms" | "first" | "best") =>
        median(seen.map((runs) => runs[i][key]));
      const told = (value: number) => Number.isFinite(value) ? Number(value.toPrecision(4)) : null;
      rows.push({
        head: hidden === undefined ? "1280-4" : `1280-${hidden}-4`,
        method,
        seeds: seen.length,
        steps: told(of("steps")),
        ms: told(of("ms")),
        firstStepMs: told(of("first")),
        accuracy: told(of("best")),
      });
    });
  }
  const shown = (value: Row[string]) => value === null ? "never" : threeDigits(Number(value));
  if (json) rows.forEach(printJson);
  else {
    console.log(formatTable(
      ["head", "method", "steps", "ms", "first step, ms", "best accuracy"],
      rows.map(({ head, method, steps, ms, firstStepMs, accuracy }) => [
        ...[`${head}`, `${method}`, shown(steps), shown(ms), shown(firstStepMs), shown(accuracy)],
      ]),
    ));
  }
  const contended = watch.complaint(spread(firsts));
  if (contended !== undefined) remark(`\n${contended}`);
  if (save) {
    const date = new Date().toISOString().slice(0, 10);
    const run = { bench: "head", date, contended: contended ?? null, rows };
    remark(`saved to ${(await appendRun(machine, run)).pathname}`);
  }
}

// `deno bench` looks into this file, too: there is nothing for it to register.
if (import.meta.main) await main();
