/**
 * A worker of Cloudflare's runtime, where WebAssembly comes compiled and nothing may be compiled at run
 * time. `POST /fit` fits a curve to the points it is sent; anything else is the exercise.
 */
import {
  createBackend,
  dense,
  objective,
  sequential,
  squaredError,
  tanh,
  tekfac,
} from "@tekfac/tekfac";
import kernels from "@tekfac/tekfac/relaxed.wasm";
import { exercise } from "./exercise.js";

/** Loss before and after 100 steps. */
async function fit({ inputs, targets }) {
  const backend = await createBackend({ prefer: ["wasm"], module: kernels });
  const model = sequential(backend, { input: [1], layers: [dense(16), tanh(), dense(1)], seed: 1 });
  const optimizer = tekfac(objective(model, squaredError()));
  const losses = [];
  for (let step = 0; step < 100; step++) losses.push(optimizer.stepSync({ inputs, targets }).loss);
  for (const owner of [optimizer, model, backend]) owner[Symbol.dispose]();
  return { before: losses[0], after: losses.at(-1) };
}

export default {
  async fetch(request) {
    const isFit = new URL(request.url).pathname === "/fit";
    return Response.json(
      isFit ? await fit(await request.json()) : await exercise({ module: kernels }),
    );
  },
};
