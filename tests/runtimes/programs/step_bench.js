/** Times a step, as a user's bench would. */
import { createBackend, dense, objective, sequential, squaredError, tekfac } from "@tekfac/tekfac";

const backend = await createBackend();
const model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
const optimizer = tekfac(objective(model, squaredError()));
Deno.bench("step", () => {
  optimizer.stepSync({ inputs: [0, 1, 1, 0], targets: [1, -1] });
});
