/** Trains a few steps in a worker, and tells on what. */
import { createBackend, dense, objective, sequential, squaredError, tekfac } from "@tekfac/tekfac";

async function train() {
  const backend = await createBackend();
  const model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
  const optimizer = tekfac(objective(model, squaredError()));
  const batch = { inputs: [1, 2, 3], targets: [2, 4, 6] };
  const first = optimizer.stepSync(batch).loss;
  for (let i = 0; i < 20; i++) optimizer.stepSync(batch);
  const fell = optimizer.stepSync(batch).loss < first;
  return `${backend.info.description}, the loss ${fell ? "fell" : "did not fall"}`;
}

train().then(postMessage, (error) => postMessage(`error: ${error}`));
