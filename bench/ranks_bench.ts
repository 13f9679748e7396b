/**
 * What it costs to step together: `mpirun -n 2 deno run -A bench/ranks_bench.ts`, options after it.
 *
 * Weak scaling on a machine that is not idle: every rank takes some steps of its own, all at the same time, then as many
 * steps together, in turn. The first are what the processes can do beside each other; their time over that of the
 * second is the efficiency. Processor times, which leave waiting for busy processors out, are compared as well. A third
 * kind of steps sums gradients when the backward pass is over, and not beside it: what that hides.
 *
 * Ranks of one host have no network. With `--bandwidth 0.125` a sum takes as long at least as its bytes would through a
 * gigabit per second.
 *
 * @module
 */

import { cpuUsage } from "node:process";
import { parseArgs } from "node:util";
import { createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import { type Group, mpiGroup } from "@tekfac/tekfac/distributed";
import {
  autoencoder,
  type LayerSpec,
  objective,
  resnet20,
  sequential,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
} from "@tekfac/tekfac/nn";
import { type OptimizerName, optimizers } from "@tekfac/tekfac/optim";

/** What is trained, and with how many examples on each rank. */
const WORKLOADS = {
  autoencoder: { input: [784], layers: autoencoder({ features: 784 }), batch: 250 },
  resnet20: { input: [32, 32, 3], layers: resnet20({ classes: 10, width: 16 }), batch: 64 },
} as const satisfies Record<
  string,
  {
    readonly input: readonly number[];
    readonly layers: readonly LayerSpec[];
    readonly batch: number;
  }
>;

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "autoencoder" },
    optimizer: { type: "string", default: "tekfac" },
    options: { type: "string", default: "{}" },
    rounds: { type: "string", default: "6" },
    steps: { type: "string", default: "10" },
    batch: { type: "string" },
    bandwidth: { type: "string" },
  },
});
const name = values.model as keyof typeof WORKLOADS;
const [rounds, steps] = [Number(values.rounds), Number(values.steps)];
const { input, layers, batch } = WORKLOADS[name];
const examples = Number(values.batch ?? batch);

using host = mpiGroup();
const group = values.bandwidth === undefined ? host : slowed(host, Number(values.bandwidth) * 1e9);
using backend = await createBackend({ prefer: ["wasm"], threads: 1 });

/** A group whose sums take a while, in which nobody computes for them. */
function slowed(fast: Group, bandwidth: number): Group {
  const bed = new Int32Array(new SharedArrayBuffer(4));
  const begin: Group["beginAllReduce"] = (numbers) => {
    const milliseconds = 2 * (fast.size - 1) / fast.size * 1000 * numbers.byteLength / bandwidth;
    const over = performance.now() + milliseconds;
    const ticket = fast.beginAllReduce(numbers);
    const finish = () => {
      ticket.finish();
      Atomics.wait(bed, 0, 0, Math.max(0, over - performance.now()));
    };
    return { advance: () => ticket.advance(), finish };
  };
  return new Proxy(fast, {
    get(target, name, proxy) {
      if (name === "beginAllReduce") return begin;
      const value = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return name === "reductionOn" ? value.bind(proxy) : value.bind(target);
    },
  });
}

/** Numbers of an example. */
function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Processor time of this process, in milliseconds. */
function processorMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

/** An optimizer that steps alone or together, summing gradients beside the backward pass or after it. */
function trainer(
  together: Group | undefined,
  beside = true,
): { weights: number; step: () => void } {
  const model = sequential(backend, { input, layers, seed: 1 });
  const loss = name === "autoencoder" ? sigmoidCrossEntropy() : softmaxCrossEntropy();
  const random = new Random(group.rank);
  const inputs = Float32Array.from(
    { length: examples * sizeOf(input) },
    () => random.uniform(),
  );
  const targets = name === "autoencoder"
    ? inputs
    : Array.from({ length: examples }, () => random.integer(10));
  const goal = objective(model, loss);
  const problem = beside ? goal : Object.assign(goal, { announcing: undefined });
  const optimizer = optimizers[values.optimizer as OptimizerName](problem, {
    ...JSON.parse(values.options),
    ...(together && { group: together }),
  });
  const weights = model.parameters.reduce((sum, { value: { rows, cols } }) => sum + rows * cols, 0);
  return {
    weights,
    step: () => void optimizer.stepSync({ inputs, targets }),
  };
}

const trainers = {
  apart: trainer(undefined),
  joined: trainer(group),
  after: trainer(group, false),
};
const ways = ["apart", "joined", "after"] as const;
// What is compiled, tuned and dense at the beginning is no part of it.
for (let i = 0; i < 14; i++) ways.forEach((way) => trainers[way].step());
const times: Record<typeof ways[number], number[]> = { apart: [], joined: [], after: [] };
const processor = { apart: 0, joined: 0, after: 0 };
const traffic = { bytes: 0, milliseconds: 0 };
for (let round = 0; round < rounds; round++) {
  for (const way of ways) {
    group.barrier();
    const before = group.traffic;
    const [started, used] = [performance.now(), processorMs()];
    for (let i = 0; i < steps; i++) trainers[way].step();
    processor[way] += (processorMs() - used) / (rounds * steps);
    if (way === "joined") {
      traffic.bytes += group.traffic.bytes - before.bytes;
      traffic.milliseconds += group.traffic.milliseconds - before.milliseconds;
    }
    group.barrier();
    times[way].push((performance.now() - started) / steps);
  }
}
const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
if (group.rank === 0) {
  const [own, all, late] = ways.map((way) => times[way]).map((each) => ({
    best: Math.min(...each),
    median: median(each),
  }));
  const taken = rounds * steps;
  const kilobytes = traffic.bytes / taken / 1000;
  console.log(JSON.stringify({
    ...{ model: name, optimizer: values.optimizer, ranks: group.size, group: group.name, examples },
    apartMs: own,
    togetherMs: all,
    sumsAfterBackwardMs: late,
    efficiency: { best: own.best / all.best, median: own.median / all.median },
    processorMs: { apart: processor.apart, together: processor.joined, sumsAfter: processor.after },
    processorEfficiency: processor.apart / processor.joined,
    kilobytesPerStep: kilobytes,
    timesGradients: kilobytes / (4 * trainers.joined.weights / 1000),
    waitingMsPerStep: traffic.milliseconds / taken,
  }));
}
