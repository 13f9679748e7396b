/**
 * A step of the language model of `train --model gpt`: beside PyTorch, TensorFlow.js and jax-js, by optimizer, and
 * where its time goes:
 * `deno task bench:gpt [--json] [--save] [--only TEXT] [--seconds N] [--threads N]`.
 *
 * @module
 */

import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import type { OptimizerName } from "@tekfac/tekfac/optim";
import { textRecipe } from "@tekfac/tekfac/training";
import { timedJob, tokenBatches } from "./gpt/model.ts";
import { startJax } from "./gpt/jax.ts";
import { COMPARED, comparePeer, type PeerMethod, type StartPeer } from "./gpt/peer.ts";
import { profiled } from "./gpt/profile.ts";
import { startPytorch } from "./gpt/pytorch.ts";
import { startTensorflow } from "./gpt/tensorflow.ts";
import { ContentionWatch, thisMachine } from "./machine.ts";
import { isWanted, printJson, readBenchArguments, remark } from "./output.ts";
import { appendRun, type Row } from "./results.ts";
import { median, spread } from "./statistics.ts";
import { formatTable, threeDigits } from "./table.ts";

const USAGE = `deno task bench:gpt
Times steps of a small language model, beside PyTorch, TensorFlow.js and jax-js where they are installed.`;

/** Programs that take the same steps, by the names that `--only` knows. */
const PEERS: readonly (readonly [name: string, start: StartPeer, method: PeerMethod])[] = [
  ["PyTorch", startPytorch, "adam"],
  ["PyTorch", startPytorch, "sgd"],
  ["TensorFlow.js", startTensorflow, "adam"],
  ["jax-js", startJax, "adam"],
];

/** How optimizers are called in print. */
const TITLES = { adam: "AdamW", sgd: "SGD" } as const;

/** Optimizers that are timed. */
const METHODS: readonly OptimizerName[] = ["adam", "muon", "soap", "tekfac"];

/** Steps of a profile, after as many that warm up. */
const PROFILED = 10;

/** Median time of a step, first steps and their decompositions left out. */
function timeSteps(backend: Backend, method: OptimizerName, seconds: number) {
  const { vocabulary, batches } = tokenBatches(20);
  using job = timedJob(backend, vocabulary, method);
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  for (let step = 0; step < 25 || performance.now() < end; step++) {
    const start = performance.now();
    job.optimizer.stepSync(batches[step % batches.length]);
    times.push(performance.now() - start);
  }
  const later = times.slice(5);
  return { stepMs: median(later), scatter: spread(later), steps: later.length };
}

/** Milliseconds of one step by kind of work, the most expensive first. */
function profileStep(inner: Backend, method: OptimizerName) {
  const { vocabulary, batches } = tokenBatches(20);
  const { backend, shares } = profiled(inner);
  using job = timedJob(backend, vocabulary, method);
  let started = 0;
  for (let step = 0; step < 2 * PROFILED; step++) {
    if (step === PROFILED) {
      shares.clear();
      started = performance.now();
    }
    job.optimizer.stepSync(batches[step % batches.length]);
  }
  const stepMs = (performance.now() - started) / PROFILED;
  const rows = [...shares.values()].map(({ work, calls, milliseconds }) => ({
    work,
    calls: calls / PROFILED,
    milliseconds: milliseconds / PROFILED,
  })).sort((a, b) => b.milliseconds - a.milliseconds);
  return { stepMs, rows };
}

async function main(): Promise<void> {
  const { json, save, only, seconds, threads } = readBenchArguments(USAGE, 20);
  using backend = await createBackend({ prefer: ["wasm"], threads });
  const watch = new ContentionWatch();
  const saved: Row[] = [];
  const tokens = textRecipe.batchSize * textRecipe.context;
  const show = (row: Row) => {
    saved.push(row);
    if (json) printJson(row);
  };
  for (const [name, start, method] of PEERS) {
    if (!isWanted(`peer ${name}`, only)) continue;
    const title = TITLES[method];
    const outcome = await comparePeer(backend, start, { method, threads, seconds });
    if (typeof outcome === "string") remark(`${name}, ${title}, left out: ${outcome}`);
    else {
      show({ work: `${title} step of gpt`, ...outcome });
      if (!json) {
        const { peer, oursMs, peerMs, worst } = outcome;
        console.log(
          `${title}, ${COMPARED} first losses: worst difference ${worst.toExponential(1)}\n` +
            `ours ${threeDigits(oursMs)} ms per step, ${peer} ${threeDigits(peerMs)} ms\n`,
        );
      }
    }
  }
  const timed = METHODS.filter((method) => isWanted(method, only)).map((method) => {
    const { stepMs, scatter, steps } = timeSteps(backend, method, seconds / METHODS.length);
    const row = { work: `${method} step of gpt`, stepMs, scatter, steps };
    show({ ...row, tokensPerSecond: Math.round(1000 * tokens / stepMs) });
    return [method, threeDigits(stepMs), threeDigits(1000 * tokens / stepMs), threeDigits(scatter)];
  });
  if (!json && timed.length > 0) {
    console.log(formatTable(["optimizer", "ms per step", "tokens/s", "p90 / p10"], timed));
  }
  if (isWanted("profile", only)) {
    const { stepMs, rows } = profileStep(backend, "adam");
    if (json) rows.forEach((row) => printJson({ ...row }));
    else {
      console.log(`\nadam, one step: ${threeDigits(stepMs)} ms`);
      console.log(formatTable(
        ["work", "calls", "ms", "share"],
        rows.slice(0, 24).map(({ work, calls, milliseconds }) => [
          work,
          threeDigits(calls),
          threeDigits(milliseconds),
          `${(100 * milliseconds / stepMs).toFixed(1)} %`,
        ]),
      ));
    }
  }
  const contended = watch.complaint(Math.max(1, ...saved.map(({ scatter }) => Number(scatter))));
  if (contended !== undefined) remark(`\n${contended}`);
  if (save) {
    const date = new Date().toISOString().slice(0, 10);
    const run = { bench: "gpt step", date, contended: contended ?? null, rows: saved };
    remark(`saved to ${(await appendRun(thisMachine(), run)).pathname}`);
  }
}

if (import.meta.main) {
  await main();
  // The workers of jax-js would keep the process.
  Deno.exit();
}
