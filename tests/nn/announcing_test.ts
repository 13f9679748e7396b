/** Whose gradients a pass has completed is said as soon as they are. */

import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import type { Parameter } from "@tekfac/tekfac/core";
import {
  dense,
  objective,
  relu,
  residual,
  sequential,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";

Deno.test("announcing(): every parameter once, last layers first, when its gradient is what the pass leaves", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  const shared = dense(4);
  using model = sequential(backend, {
    input: [4],
    layers: [shared, tanh(), residual([dense(4), relu()]), shared, tanh(), dense(2), dense(2)],
    seed: 1,
  });
  const goal = objective(model, squaredError());
  const batch = { inputs: [1, 2, 3, 4, 0, 1, 0, -1], targets: [1, 0, 0, 1] };
  const told: Parameter[][] = [];
  const seen = new Map<Parameter, number[]>();
  model.freeze(({ name }) => name === "dense3");
  const read = ({ gradient }: Parameter) => Array.from(backend.readSync(gradient));
  backend.scope(() =>
    goal.announcing((parameters) => {
      if (parameters.length > 0) told.push([...parameters]);
      for (const parameter of parameters) {
        seen.set(parameter, read(parameter));
        // What a listener does with them is its own matter.
        backend.write(parameter.gradient, new Float64Array(seen.get(parameter)!.length).fill(1e9));
      }
    }, () => goal.differentiate(batch, { decay: 0, scale: 1 / 2 }))
  );
  assert.deepEqual(told.map((some) => some.map(({ name }) => name)), [
    ["dense4"],
    ["dense3"],
    ["dense2"],
    ["dense1"],
  ]);
  backend.scope(() => goal.differentiate(batch, { decay: 0, scale: 1 / 2 }));
  assert.equal(seen.size, 4, "nobody is told after the body");
  for (const [parameter, gradient] of seen) {
    if (parameter.name !== "dense3") assert.deepEqual(gradient, read(parameter), parameter.name);
  }
});
