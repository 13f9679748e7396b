/** A small program, whole: a model of layers, its loss, an optimizer. */
import {
  createBackend,
  dense,
  objective,
  relu,
  sequential,
  softmaxCrossEntropy,
  tekfac,
} from "@tekfac/tekfac";

const backend = await createBackend();
const layers = [dense(8), relu(), dense(3)];
const model = sequential(backend, { input: [2], layers, seed: 1 });
const optimizer = tekfac(objective(model, softmaxCrossEntropy()));
console.log(optimizer.stepSync({ inputs: [0, 1], targets: [2] }).loss);
