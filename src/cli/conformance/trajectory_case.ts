/**
 * Trajectories: a tanh network with softmax cross-entropy, trained on the full batch for some steps.
 *
 * @module
 */

import type { Backend } from "../../backend/mod.ts";
import { DataError } from "../../core/mod.ts";
import {
  type BatchLike,
  dense,
  type ModelObjective,
  objective,
  readWeights,
  sequential,
  softmaxCrossEntropy,
  tanh,
  writeWeights,
} from "../../nn/mod.ts";
import {
  adam,
  ekfac,
  kfac,
  type KroneckerOptions,
  type Optimizer,
  sgd,
  type StepReport,
  tekfac,
  tkfac,
} from "../../optim/mod.ts";
import type { Checks } from "./checks.ts";
import type { Fields, Tensor } from "./fields.ts";

/** Compares losses, clip factors and final weights with a golden trajectory. */
export async function checkTrajectory(
  backend: Backend,
  golden: Fields,
  checks: Checks,
): Promise<void> {
  const expected = golden.group("expected");
  const start = golden.matrices("W0");
  const inputs = golden.tensor("x", 2);
  const batch: BatchLike = { inputs: inputs.data, targets: golden.numbers("labels") };
  const model = sequential(backend, {
    input: [inputs.shape[1]],
    layers: layersOf(start, inputs.shape[1]),
  });
  try {
    model.parameters.forEach((parameter, l) => writeWeights(backend, parameter, start[l].data));
    const goal = objective(model, softmaxCrossEntropy());
    const optimizer = optimizerOf(golden, goal);
    try {
      const steps = golden.group("hyper").number("steps");
      const reports: StepReport[] = [];
      while (reports.length < steps) reports.push(await optimizer.step(batch).report());
      const losses = [...reports.map(({ loss }) => loss), (await goal.evaluate([batch])).loss];
      checks.compare("trajectory", "losses", losses, expected.numbers("losses"));
      const nu = expected.has("nu") ? expected.numbers("nu") : [];
      if (nu.length > 0) {
        const factors = reports.map((report) => report.clipFactor);
        checks.compare("trajectory", "clip factors", factors, nu);
      }
      const finalWeights = expected.matrices("finalW");
      for (const [l, parameter] of model.parameters.entries()) {
        const weights = await readWeights(backend, parameter);
        const what = `final weights of layer ${l + 1}`;
        checks.compare("trajectory", what, weights, finalWeights[l].data);
      }
    } finally {
      optimizer[Symbol.dispose]();
    }
  } finally {
    model[Symbol.dispose]();
  }
}

/** Dense layers of the golden shapes with tanh between them; a bias where there is a column for it. */
function layersOf(weights: readonly Tensor[], features: number): ReturnType<typeof dense>[] {
  return weights.flatMap(({ shape: [outputs, columns] }, l) => {
    const inputs = l === 0 ? features : weights[l - 1].shape[0];
    const layer = dense(outputs, { bias: columns === inputs + 1 });
    return l === weights.length - 1 ? [layer] : [layer, tanh()];
  });
}

/** The optimizer that a case names, with the case's hyperparameters. */
function optimizerOf(golden: Fields, goal: ModelObjective): Optimizer<BatchLike> {
  const hyper = golden.group("hyper");
  const method = golden.text("method");
  const learningRate = hyper.number("lr");
  const momentum = { on: "update" as const, value: hyper.numberOr("momentum", 0) };
  if (method === "sgd") return sgd(goal, { learningRate, momentum });
  if (method === "adam") return adam(goal, { learningRate });
  const options = kroneckerOptions(hyper);
  // Golden KFAC and TKFAC apply the inverse of the factors as they are in the very step, whatever tEig
  // says of eigenbases; here an inverse is renewed when a basis would be, so it is due in every step.
  const everyStep = { ...options, intervals: { ...options.intervals, basis: 1 } };
  switch (method) {
    case "kfac":
      return kfac(goal, everyStep);
    case "tkfac":
      return tkfac(goal, everyStep);
    case "ekfac":
      return ekfac(goal, options);
    case "ekfac_ra":
      return ekfac(goal, { ...options, eigenvaluesFrom: "runningAverage" });
    case "tekfac":
      return tekfac(goal, options);
    default:
      throw new DataError(
        "method",
        `must be one of sgd, adam, kfac, ekfac, ekfac_ra, tkfac, tekfac: received '${method}'`,
      );
  }
}

function kroneckerOptions(hyper: Fields): KroneckerOptions & { readonly intervals: object } {
  const kl = hyper.numberOr("klClip", 0);
  return {
    preset: "paper",
    learningRate: hyper.number("lr"),
    momentum: { on: "update", value: hyper.numberOr("momentum", 0) },
    damping: hyper.has("tau")
      ? { kind: "relative", tau: hyper.number("tau") }
      : { kind: "absolute", lambda: hyper.number("lambda") },
    klClip: kl === 0
      ? false
      : hyper.flag("klTimesLoss")
      ? { kind: "lossRelative", kappa: kl }
      : { kind: "fixed", kl },
    intervals: {
      statistics: hyper.numberOr("tFim", 1),
      basis: hyper.numberOr("tEig", 1),
      eigenvalues: hyper.numberOr("tRe", 1),
    },
    denseStart: false,
    factorDecay: hyper.number("betaFactors"),
    eigenvalueDecay: hyper.number("betaTheta"),
  };
}
