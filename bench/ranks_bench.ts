/**
 * What it costs to step together: `mpirun -n 2 deno run -A bench/ranks_bench.ts`, options after it.
 *
 * Weak scaling on a machine that is not idle: every rank takes some steps of its own, all at the same time, then as many
 * steps together, in turn. The first are what the processes can do beside each other; their time over that of the
 * second is the efficiency. Processor times, which leave waiting for busy processors out, are compared as well.
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
  },
});
const name = values.model as keyof typeof WORKLOADS;
const [rounds, steps] = [Number(values.rounds), Number(values.steps)];
const { input, layers, batch } = WORKLOADS[name];
const examples = Number(values.batch ?? batch);

using group = mpiGroup();
using backend = await createBackend({ prefer: ["wasm"] });

/** Numbers of an example. */
function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Processor time of this process, in milliseconds. */
function processorMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

/** An optimizer that steps alone or together. */
function trainer(together: Group | undefined): { weights: number; step: () => void } {
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
  const optimizer = optimizers[values.optimizer as OptimizerName](objective(model, loss), {
    ...JSON.parse(values.options),
    ...(together && { group: together }),
  });
  const weights = model.parameters.reduce((sum, { value: { rows, cols } }) => sum + rows * cols, 0);
  return {
    weights,
    step: () => void optimizer.stepSync({ inputs, targets }),
  };
}

const [apart, joined] = [trainer(undefined), trainer(group)];
// What is compiled, tuned and dense at the beginning is no part of it.
for (let i = 0; i < 14; i++) [apart, joined].forEach((each) => each.step());
const before = group.traffic;
const times: { apart: number[]; joined: number[] } = { apart: [], joined: [] };
const processor = { apart: 0, joined: 0 };
for (let round = 0; round < rounds; round++) {
  for (const way of ["apart", "joined"] as const) {
    group.barrier();
    const [started, used] = [performance.now(), processorMs()];
    for (let i = 0; i < steps; i++) (way === "apart" ? apart : joined).step();
    processor[way] += (processorMs() - used) / (rounds * steps);
    group.barrier();
    times[way].push((performance.now() - started) / steps);
  }
}
const after = group.traffic;
const median = (numbers: number[]) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
if (group.rank === 0) {
  const [own, all] = [times.apart, times.joined].map((each) => ({
    best: Math.min(...each),
    median: median(each),
  }));
  const taken = rounds * steps;
  const kilobytes = (after.bytes - before.bytes) / taken / 1000;
  console.log(JSON.stringify({
    ...{ model: name, optimizer: values.optimizer, ranks: group.size, group: group.name, examples },
    apartMs: own,
    togetherMs: all,
    efficiency: { best: own.best / all.best, median: own.median / all.median },
    processorMs: { apart: processor.apart, together: processor.joined },
    processorEfficiency: processor.apart / processor.joined,
    kilobytesPerStep: kilobytes,
    timesGradients: kilobytes / (4 * joined.weights / 1000),
    waitingMsPerStep: (after.milliseconds - before.milliseconds) / taken,
  }));
}
