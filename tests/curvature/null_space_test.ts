/**
 * Directions that no data decide: rounding may choose among their eigenvectors, but not what training makes of
 * them. Four examples leave most of the network's directions without data.
 */
import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import {
  dense,
  objective,
  readWeightsSync,
  sequential,
  softmaxCrossEntropy,
  tanh,
  writeWeights,
} from "@tekfac/tekfac/nn";
import { ekfac, tekfac } from "@tekfac/tekfac/optim";

const [FEATURES, EXAMPLES, STEPS] = [20, 4, 5];

const random = new Random(7);
const batches = Array.from({ length: STEPS }, () => ({
  inputs: Float64Array.from({ length: EXAMPLES * FEATURES }, () => random.normal()),
  targets: Array.from({ length: EXAMPLES }, () => random.integer(4)),
}));

/** Weights after some steps from a start that is off by `perturbation`, relative. */
function trained(
  backend: Backend,
  make: typeof tekfac | typeof ekfac,
  rank: number | "full",
  perturbation: number,
): number[] {
  using model = sequential(backend, {
    input: [FEATURES],
    layers: [dense(48), tanh(), dense(48), tanh(), dense(4)],
    seed: 3,
  });
  for (const parameter of model.parameters) {
    const start = readWeightsSync(backend, parameter);
    const moved = start.map((value, i) => value * (1 + perturbation * Math.sin(i)));
    writeWeights(backend, parameter, moved);
  }
  using optimizer = make(objective(model, softmaxCrossEntropy()), { rank });
  for (const batch of batches) optimizer.stepSync(batch);
  return model.parameters.flatMap((parameter) => [...readWeightsSync(backend, parameter)]);
}

function distance(x: readonly number[], y: readonly number[]): number {
  const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs));
  return largest(x.map((value, i) => value - y[i])) / largest(x);
}

for (const [name, make] of [["tekfac", tekfac], ["ekfac", ekfac]] as const) {
  for (const rank of [32, "full"] as const) {
    Deno.test(`${name} of rank ${rank} is continuous where no data decide`, async () => {
      using exact = await createBackend({ prefer: ["reference"] });
      using float = await createBackend({ prefer: ["wasm"] });
      const weights = trained(exact, make, rank, 0);
      // Where rounding chose what is measured, five steps made several percent of either difference.
      const perturbed = distance(weights, trained(exact, make, rank, 1e-7));
      assert(perturbed < 1e-6, `moved by ${perturbed} from a start that is off by 1e-7`);
      const rounded = distance(weights, trained(float, make, rank, 0));
      assert(rounded < 1e-3, `${rounded} apart in float32 and float64`);
    });
  }
}
