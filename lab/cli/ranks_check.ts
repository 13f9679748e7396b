/**
 * `mpirun -n 2 deno run -A lab/cli/ranks_check.ts`: whether the simulator of many ranks says what a few of them take.
 *
 * Everything is processor time of one rank, which a busy machine disturbs least, and taken in turn, by all ranks at the
 * same time: a watched step, one alone, one together, and so on. A step of one rank is predicted from the times of its
 * kernels, that of several from these and from what the network model says of the sums; the network's two numbers are
 * those of single sums.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import { type Group, mpiGroup, type Network } from "@tekfac/tekfac/distributed";
import {
  autoencoder,
  type ExampleShape,
  type LayerSpec,
  objective,
  resnet20,
  sequential,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
} from "@tekfac/tekfac/nn";
import { tekfac } from "@tekfac/tekfac/optim";
import { KernelTimes, median, processorMs } from "../ranks/kernel_times.ts";
import type { NetworkShape } from "../ranks/shapes.ts";
import { allSumsSeconds } from "../ranks/simulate.ts";

const { values } = parseArgs({
  options: {
    model: { type: "string", default: "autoencoder" },
    rounds: { type: "string", default: "6" },
    warmup: { type: "string", default: "20" },
    batch: { type: "string" },
  },
});
const isAutoencoder = values.model === "autoencoder";
// Of 128 examples or more each rank observes an eighth; of fewer, one rank alone more than each of several.
const [input, layers, usual]: [ExampleShape, readonly LayerSpec[], number] = isAutoencoder
  ? [[784], autoencoder({ features: 784 }), 250]
  : [[32, 32, 3], resnet20({ classes: 10, width: 16 }), 64];

const batch = Number(values.batch ?? usual);

/** Steps of a round: all intervals of low rank divide it. */
const STEPS = 10;

using group = mpiGroup();
using backend = await createBackend({ prefer: ["wasm"], threads: 1 });
const random = new Random(group.rank);
const size = (input as readonly number[]).reduce((product, side) => product * side, 1);
const inputs = Float32Array.from({ length: batch * size }, () => random.uniform());
const targets = isAutoencoder ? inputs : Array.from({ length: batch }, () => random.integer(10));

/** Takes steps, alone or together. */
function stepperOn(on: Backend, together: Group | undefined) {
  const model = sequential(on, { input, layers, seed: 1 });
  const loss = isAutoencoder ? sigmoidCrossEntropy() : softmaxCrossEntropy();
  const options = together === undefined ? {} : { group: together, workerFraction: 1 };
  const optimizer = tekfac(objective(model, loss), options);
  const shapes = model.parameters.map(({ value }) => ({
    ...{ dOut: value.rows, dIn: value.cols, positions: 1 },
  }));
  return { shapes, step: () => void optimizer.stepSync({ inputs, targets }) };
}

/** Processor time of a body, in milliseconds. */
function processorMsOf(body: () => void): number {
  const before = processorMs();
  body();
  return processorMs() - before;
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

function times(count: number, body: () => void): () => void {
  return () => {
    for (let i = 0; i < count; i++) body();
  };
}

/** Seconds of a sum of so many numbers that lie on the backend. */
function sumSecondsOf(numbers: number, count: number): number {
  const room = new Float32Array(numbers);
  return backend.scope(() => {
    const matrix = backend.scratch(1, numbers);
    const sum = () => {
      room.set(backend.readSync(matrix));
      group.allReduce(room);
      backend.write(matrix, room);
    };
    return processorMsOf(times(count, sum)) / count / 1000;
  });
}

/** The model's numbers that give these times: of a sum of nothing, and of one that goes round a ring. */
function networkFrom(short: number, long: number, bytes: number): Network {
  const { size: ranks } = group;
  if (ranks === 1) return { latency: 0, bandwidth: Infinity };
  const latency = short / (2 * Math.ceil(Math.log2(ranks)));
  const ring = 2 * (ranks - 1);
  return { latency, bandwidth: ring * bytes / ranks / Math.max(1e-9, long - ring * latency) };
}

const kernels = new KernelTimes(backend);
const [watched, apart, joined] = [
  stepperOn(kernels.backend, undefined),
  stepperOn(backend, undefined),
  stepperOn(backend, group),
];
// What is compiled, tuned and dense at the beginning is no part of it.
for (let i = 0; i < Number(values.warmup); i++) {
  [watched, apart, joined].forEach(({ step }) => step());
}
const measured: Record<"alone" | "together" | "short" | "long", number[]> = {
  ...{ alone: [], together: [], short: [], long: [] },
};
const LONG = 1 << 16;
for (let round = 0; round < Number(values.rounds); round++) {
  for (let i = 0; i < STEPS; i++) {
    group.barrier();
    kernels.take(watched.step);
    measured.alone.push(processorMsOf(apart.step));
    group.barrier();
    measured.together.push(processorMsOf(joined.step));
  }
  measured.short.push(sumSecondsOf(1, 200));
  measured.long.push(sumSecondsOf(LONG, 50));
}
const [alone, together] = [measured.alone, measured.together].map(mean);
const [short, long] = [measured.short, measured.long].map(median);
const network: NetworkShape = { name: values.model, layers: apart.shapes, batch };
const net = networkFrom(short, long, 4 * LONG);
const predicted = {
  alone: kernels.stepMs,
  together: kernels.stepMs + 1000 * allSumsSeconds(network, "low rank", group.size, net),
};
if (group.rank === 0) {
  const percent = (a: number, b: number) => `${(100 * (a / b - 1)).toFixed(1)} %`;
  console.log(
    `${values.model}, ${group.size} ranks of ${group.name}: sums ${
      (1e6 * net.latency).toFixed(0)
    } us, ` +
      `${(net.bandwidth / 1e9).toFixed(2)} GB/s; a step alone ${alone.toFixed(1)} ms, predicted ` +
      `${predicted.alone.toFixed(1)} (${percent(predicted.alone, alone)}); together ${
        together.toFixed(1)
      } ms, predicted ${predicted.together.toFixed(1)} (${
        percent(predicted.together, together)
      }); efficiency ${(100 * alone / together).toFixed(0)} %`,
  );
}
