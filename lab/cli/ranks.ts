/**
 * `deno run -A lab/cli/ranks.ts`: what steps of 1 to 1,024 ranks would take, from the speed of this machine's kernels
 * and of a network that is made up.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import { formatTable } from "@tekfac/tekfac/pages";
import { networks } from "../ranks/shapes.ts";
import { fastest, type Speeds, stepSeconds } from "../ranks/simulate.ts";

const { values } = parseArgs({
  options: {
    latency: { type: "string", default: "20" },
    bandwidth: { type: "string", default: "1.25" },
  },
});

/** Least time of many runs of a millisecond, in seconds: on a busy machine few run through without a pause. */
function secondsOf(body: () => void): number {
  let least = Infinity;
  for (let i = 0; i < 200; i++) {
    const started = performance.now();
    body();
    least = Math.min(least, (performance.now() - started) / 1000);
  }
  return least;
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** What this machine's kernels do, on one thread. */
function measure(backend: Backend): Pick<Speeds, "products" | "cubes"> {
  const [n, size] = [256, 128];
  const random = new Random(1);
  return backend.scope(() => {
    const [a, b, c] = [0, 1, 2].map(() => backend.scratch(n, n));
    for (const m of [a, b]) {
      backend.write(
        m,
        Float32Array.from({ length: n * n }, () => random.normal()),
      );
    }
    const [matrix, vectors, values, status] = [[size, size], [size, size], [1, size], [1, 3]].map(
      ([rows, cols]) => backend.scratch(rows, cols),
    );
    const x = { ...a, rows: n, cols: size };
    backend.secondMoment(matrix, x);
    return {
      products: 2 * n ** 3 / secondsOf(() => backend.gemm(c, a, b)),
      cubes: size ** 3 / secondsOf(() => backend.eigh([{ matrix, vectors, values, status }])),
    };
  });
}

using backend = await createBackend({ prefer: ["wasm"], threads: 1 });
const speeds: Speeds = {
  ...measure(backend),
  latency: Number(values.latency) * 1e-6,
  bandwidth: Number(values.bandwidth) * 1e9,
};
console.log(
  `Products ${(speeds.products / 1e9).toFixed(1)} GFlop/s, eigenproblems ${
    (speeds.cubes / 1e9).toFixed(2)
  } G n^3/s ` +
    `(measured); messages ${values.latency} us, ${values.bandwidth} GB/s (given).`,
);
for (const network of networks) {
  console.log(
    `\n${network.name}, ${network.batch} examples a rank: SGD's step in ms, how much longer others take, and by how many ` +
      "ranks each direction is made then",
  );
  const rows = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024].map((ranks) => {
    const sgd = stepSeconds(network, "sgd", { ranks, workers: ranks }, speeds);
    const cells = (["low rank", "full"] as const).flatMap((method) => {
      const all = stepSeconds(network, method, { ranks, workers: ranks }, speeds);
      const best = fastest(network, method, ranks, speeds);
      return [
        ...[all, best.seconds].map((seconds) => percent(seconds / sgd - 1)),
        `${best.workers}`,
      ];
    });
    return [`${ranks}`, (1000 * sgd).toFixed(1), ...cells];
  });
  const heads = ["low rank", "full"].flatMap((
    method,
  ) => [`${method}, by all`, "by some", "how many"]);
  console.log(formatTable(["ranks", "sgd", ...heads], rows, "right"));
}
