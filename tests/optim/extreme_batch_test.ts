/** Batches whose numbers are finite but extreme: none of them is remembered by what comes after. */

import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import { type Backend, CheckedBackend, createWasmKernels } from "@tekfac/tekfac/backend";
import { ObservationGuard } from "@tekfac/tekfac/curvature";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { dense, objective, relu, sequential, softmaxCrossEntropy } from "@tekfac/tekfac/nn";
import {
  ekfac,
  externalModel,
  kfac,
  type KroneckerOptions,
  type Objective,
  type Optimizer,
  tekfac,
  tkfac,
} from "@tekfac/tekfac/optim";
import { upload } from "@tekfac/tekfac/testing";

interface Batch {
  readonly inputs: Float32Array;
  readonly targets: Uint8Array;
}
type Create = (objective: Objective<Batch>, options?: KroneckerOptions) => Optimizer<Batch>;

const methods: Record<string, Create> = {
  kfac,
  tkfac,
  ekfac,
  tekfac,
  "ekfac of full rank": (o, options) => ekfac(o, { ...options, rank: "full" }),
  "tekfac of full rank": (o, options) => tekfac(o, { ...options, rank: "full" }),
};

/** Float32 numbers, which overflow. */
function wasmBackend(): Backend {
  return new CheckedBackend(createWasmKernels(), []);
}

function makeBatch(seed: number): Batch {
  const random = new Random(seed);
  const inputs = Float32Array.from({ length: 16 * 8 }, () => random.normal());
  return { inputs, targets: Uint8Array.from({ length: 16 }, (_, n) => +(inputs[8 * n] > 0)) };
}

function isFiniteState(
  { objective: { backend, parameters }, preconditioner, rules }: Optimizer<Batch>,
): boolean {
  const matrices = [
    ...parameters.map(({ value }) => value),
    ...Object.values(preconditioner.state),
    ...Object.values(rules.state),
  ];
  return matrices.every((matrix) => backend.readSync(matrix).every(Number.isFinite));
}

for (const [name, create] of Object.entries(methods)) {
  for (const fisher of ["gaussNewton", "empirical", "monteCarlo", "perLoss"] as const) {
    Deno.test(`stepSync() of ${name}, ${fisher} Fisher: an extreme batch leaves state finite and training as good`, () => {
      for (const [size, at] of [[1e6, 5], [1e15, 5], [1e20, 5], [1e20, 20]]) {
        using backend = wasmBackend();
        using model = sequential(backend, {
          input: [8],
          layers: [dense(40), relu(), dense(2)],
          seed: 1,
        });
        const goal = objective(model, softmaxCrossEntropy());
        using optimizer = create(goal, { fisher });
        for (let step = 0; step < 80; step++) {
          const batch = makeBatch(step % 8);
          if (step === at) batch.inputs[3] = size;
          try {
            const { observed } = optimizer.stepSync(batch);
            if (step === at) assert.deepEqual(observed, { statistics: false, eigenvalues: false });
          } catch (error) {
            assert(step === at, error as Error);
          }
        }
        assert(isFiniteState(optimizer), `an input of ${size}`);
        // Half of what one starts from.
        assert(goal.evaluateSync(makeBatch(0)).loss < 0.5 * Math.log(2), `an input of ${size}`);
      }
    });
  }
}

Deno.test("ObservationGuard leaves out what is not finite, always; means stay", () => {
  using backend = wasmBackend();
  for (const limit of [1000, false] as const) {
    using guard = new ObservationGuard(backend, 1, limit);
    using outputGradients = upload(backend, denseMatrix(1, 1, [1]));
    const usable = (input: number) => {
      using inputs = upload(backend, denseMatrix(1, 1, [input]));
      const capture = { kind: "dense", examples: 1, inputs, outputGradients } as const;
      return backend.scope(() => backend.readSync(guard.judge([capture]))[0]);
    };
    assert.equal(usable(NaN), 0);
    assert.equal(usable(1), 1);
    for (const bad of [NaN, Infinity, 1e20, NaN]) assert.equal(usable(bad), 0);
    assert.deepEqual([...backend.readSync(guard.state)], [1, 1]);
    // Nobody knows yet what is usual: a thousand thousand times as much is out of scale, less is not.
    assert.deepEqual([usable(1), usable(900)], [1, 1]);
    assert.equal(usable(1e9), limit === false ? 1 : 0);
  }
});

Deno.test("stepSync() with captures that are not finite, in matrices: they are left out", () => {
  using backend = wasmBackend();
  const shape = [1, 2] as const;
  using goal = externalModel(backend, [{
    name: "w",
    layer: { kind: "dense", bias: false },
    shape,
  }]);
  using optimizer = tekfac(goal);
  using inputs = upload(backend, denseMatrix(2, 2, [1, 2, 3, NaN]));
  using outputGradients = upload(backend, denseMatrix(2, 1, [1, -1]));
  const gradients = { w: [1, 1] };
  const batch = { examples: 2, loss: 1, gradients, captures: { w: { inputs, outputGradients } } };
  const { observed } = optimizer.stepSync(batch);
  assert.deepEqual(observed, { statistics: false, eigenvalues: false });
  const state = Object.values(optimizer.preconditioner.state);
  assert(state.every((matrix) => backend.readSync(matrix).every(Number.isFinite)));
});
