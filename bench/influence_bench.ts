/**
 * How long a fitted curvature takes to answer: `deno task bench:influence [--json] [--threads N]`.
 *
 * 8,000 drawn digits, 100 of other ones as queries, an MLP 784-512-512-10 as it was drawn: what takes time does not
 * depend on what it has learned. Times are those of the processor, all threads together, so that others who use the
 * machine count for little.
 *
 * @module
 */

import process from "node:process";
import {
  createBackend,
  glyphs,
  mlp,
  objective,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac";
import { curvatureOf, influence, selfInfluence } from "@tekfac/tekfac/analysis";
import { printJson, readBenchArguments } from "./output.ts";
import { formatTable } from "./table.ts";

const USAGE = `deno task bench:influence
Times influence and self-influence of 8,000 examples on 784-512-512-10.`;

const [TRAIN, QUERIES] = [8000, 100];

/** Of the block whose rank is not full. */
const RANK = 32;

async function main(): Promise<void> {
  const { json, threads } = readBenchArguments(USAGE, 0.1);
  const { train, test: queries } = glyphs({ train: TRAIN, test: QUERIES, seed: 1 });
  using backend = await createBackend({ prefer: ["wasm"], threads });
  const layers = mlp({ hidden: [512, 512] });
  using model = sequential(backend, { input: train.shape, layers, seed: 1 });
  const goal = objective(model, softmaxCrossEntropy());
  const rows: { work: string; seconds: number }[] = [];
  const clock = async <T>(work: string, run: () => Promise<T>): Promise<T> => {
    const start = process.cpuUsage();
    const result = await run();
    const { user, system } = process.cpuUsage(start);
    rows.push({ work, seconds: (user + system) / 1e6 });
    return result;
  };
  for (const rank of ["full", RANK] as const) {
    const name = rank === "full" ? "full rank" : `rank ${rank}`;
    using curvature = await clock(`${name}: fitted`, () => curvatureOf(goal, train, { rank }));
    await clock(`${name}: one example on 100 queries`, () => {
      return influence(curvature, { train: first(train), queries });
    });
    await clock(`${name}: 8,000 examples on 100 queries`, () => {
      return influence(curvature, { train, queries });
    });
    await clock(`${name}: self-influence`, () => selfInfluence(curvature, { train }));
  }
  if (json) return rows.forEach((row) => printJson(row));
  console.log(
    formatTable(["work", "seconds"], rows.map(({ work, seconds }) => [work, seconds.toFixed(2)])),
  );
}

/** The first example alone: what is left is what queries take. */
function first({ inputs, targets, shape }: ReturnType<typeof glyphs>["train"]) {
  return { inputs: inputs.slice(0, shape.reduce((a, b) => a * b)), targets: targets.slice(0, 1) };
}

if (import.meta.main) await main();
