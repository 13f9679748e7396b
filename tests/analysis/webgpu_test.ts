/** The analysis on a GPU, in software where there is none, beside the CPU: `deno task test:gpu`. */
import {
  compress,
  Consolidated,
  curvatureOf,
  influence,
  laplace,
  loadCurvature,
  prune,
  saveCurvature,
  selfInfluence,
} from "@tekfac/tekfac/analysis";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import {
  conv2d,
  dense,
  flatten,
  layerNorm,
  objective,
  relu,
  sequential,
  softmaxCrossEntropy,
} from "@tekfac/tekfac/nn";
import { adam } from "@tekfac/tekfac/optim";
import { allClose, randomNormals } from "@tekfac/tekfac/testing";
import { gpuTest } from "../parity/_parity.ts";

/** Everything once, as named numbers. */
async function numbersOf(backend: Backend): Promise<Record<string, number[]>> {
  const layers = [
    ...[conv2d(4, { kernel: 3 }), relu(), flatten()],
    ...[dense(40), layerNorm(), relu(), dense(5)],
  ];
  using model = sequential(backend, { input: [6, 6, 2], layers, seed: 1 });
  const goal = objective(model, softmaxCrossEntropy());
  const batch = (count: number, seed: number) => ({
    inputs: randomNormals(new Random(seed), count * 72),
    targets: Array.from({ length: count }, (_, i) => i % 5),
  });
  const [train, queries] = [batch(40, 1), batch(4, 2)];
  const found: Record<string, number[]> = {};
  for (const rank of ["full", 8] as const) {
    using curvature = await curvatureOf(goal, train, { rank, microBatch: 16 });
    const note = (name: string, numbers: Iterable<number>) => {
      found[`${name}, rank ${rank}`] = [...numbers];
    };
    note("trace", [curvature.trace()]);
    note("logdet", [curvature.logdet()]);
    const options = { train, queries, scores: true, queryRank: 16, microBatch: 16 } as const;
    note("influence", (await influence(curvature, options)).scores!);
    note("self-influence", await selfInfluence(curvature, { train, microBatch: 16 }));
    for (const layers of ["last", "all"] as const) {
      const posterior = await laplace(curvature, { layers });
      note(`log evidence, ${layers}`, [posterior.logMarginalLikelihood]);
      for (const kind of ["probit", "monteCarlo"] as const) {
        const { variances, probabilities } = await posterior.predict(queries.inputs, { kind });
        note(`variances, ${layers}, ${kind}`, variances);
        note(`probabilities, ${layers}, ${kind}`, probabilities!);
      }
    }
    using again = await loadCurvature(goal, await saveCurvature(curvature));
    note("trace of the file", [again.trace()]);
    if (rank !== "full") continue;
    using thin = await compress(curvature, { dense1: 6 });
    const outputs = await objective(thin, softmaxCrossEntropy()).predict(queries.inputs);
    note("outputs of low rank", outputs);
    using both = new Consolidated(goal, curvature, { strength: 2 });
    using optimizer = adam(both, { learningRate: 1e-2 });
    note("rise by pruning", [(await prune(curvature, { share: 0.3 })).predictedRise]);
    for (let step = 0; step < 3; step++) await (await optimizer.step(train)).report();
    note("loss after consolidated steps", [(await goal.evaluate(train)).loss]);
  }
  return found;
}

gpuTest("the analysis comes to what it comes to on the CPU", async (gpu) => {
  using cpu = await createBackend({ prefer: ["wasm"] });
  const [expected, actual] = [await numbersOf(cpu), await numbersOf(gpu)];
  for (const [label, numbers] of Object.entries(expected)) {
    const size = Math.max(...numbers.map(Math.abs));
    // Inverses are as ill-conditioned as damping leaves them: a tenth of the mean eigenvalue.
    allClose(actual[label], numbers, { absolute: 2 ** -10 * size, label });
  }
});
