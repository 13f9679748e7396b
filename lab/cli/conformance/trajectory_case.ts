/**
 * Trajectories: a small network with softmax cross-entropy, trained for some steps.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import { DataError } from "@tekfac/tekfac/core";
import type { Group } from "@tekfac/tekfac/distributed";
import {
  type BatchLike,
  type ModelObjective,
  objective,
  readWeights,
  sequential,
  softmaxCrossEntropy,
  writeWeights,
} from "@tekfac/tekfac/nn";
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
} from "@tekfac/tekfac/optim";
import type { Checks } from "./checks.ts";
import type { Fields } from "./fields.ts";
import { batchAt, examplesOf, networkOf, partOf, writeFirstBases } from "./network.ts";

/**
 * Compares losses, clip factors and final weights with a golden trajectory.
 *
 * @param group Ranks that take its steps together, each with its part of every batch.
 */
export async function checkTrajectory(
  backend: Backend,
  golden: Fields,
  checks: Checks,
  group?: Group,
): Promise<void> {
  const expected = golden.group("expected");
  const start = golden.tensors("W0", 2);
  const all = examplesOf(golden);
  const model = sequential(backend, networkOf(golden));
  try {
    model.parameters.forEach((parameter, l) => writeWeights(backend, parameter, start[l].data));
    const goal = objective(model, softmaxCrossEntropy());
    const optimizer = optimizerOf(golden, goal, group);
    try {
      writeFirstBases(backend, golden, optimizer);
      const hyper = golden.group("hyper");
      const steps = hyper.number("steps");
      // Bases of low rank come from a sketch whose condition is up to 1e3 (docs/MATH.md, section 2.9).
      const slack = hyper.has("rank") && backend.info.roundoff > 1e-12 ? 10 : 1;
      const size = hyper.has("batch") ? hyper.number("batch") : undefined;
      const reports: StepReport[] = [];
      while (reports.length < steps) {
        const batch = batchAt(all, size, reports.length);
        reports.push(await optimizer.step(group ? partOf(batch, group) : batch).report());
      }
      const losses = [...reports.map(({ loss }) => loss), (await goal.evaluate([all])).loss];
      checks.compare("trajectory", "losses", losses, expected.numbers("losses"), { slack });
      const nu = expected.has("nu") ? expected.numbers("nu") : [];
      if (nu.length > 0) {
        const factors = reports.map((report) => report.clipFactor);
        checks.compare("trajectory", "clip factors", factors, nu, { slack });
      }
      const finalWeights = expected.tensors("finalW", 2);
      for (const [l, parameter] of model.parameters.entries()) {
        const weights = await readWeights(backend, parameter);
        const what = `final weights of layer ${l + 1}`;
        checks.compare("trajectory", what, weights, finalWeights[l].data, { slack });
      }
    } finally {
      optimizer[Symbol.dispose]();
    }
  } finally {
    model[Symbol.dispose]();
  }
}

/** The optimizer that a case names, with the case's hyperparameters. */
function optimizerOf(
  golden: Fields,
  goal: ModelObjective,
  group: Group | undefined,
): Optimizer<BatchLike> {
  const hyper = golden.group("hyper");
  const method = golden.text("method");
  const learningRate = hyper.number("lr");
  const momentum = { on: "update" as const, value: hyper.numberOr("momentum", 0) };
  const together = group === undefined ? {} : { group };
  if (method === "sgd") return sgd(goal, { learningRate, momentum, ...together });
  if (method === "adam") return adam(goal, { learningRate, ...together });
  const options = { ...kroneckerOptions(hyper), ...together };
  // Golden KFAC and TKFAC apply the inverse of the factors as they are in the very step, whatever tEig
  // says of eigenbases; here an inverse is renewed when a basis would be, so it is due in every step.
  const measured = hyper.has("rank") ? { ...options, rank: hyper.number("rank") } : options;
  const everyStep = { ...options, intervals: { ...options.intervals, basis: 1 } };
  switch (method) {
    case "kfac":
      return kfac(goal, everyStep);
    case "tkfac":
      return tkfac(goal, everyStep);
    case "ekfac":
      return ekfac(goal, measured);
    case "ekfac_ra":
      return ekfac(goal, { ...options, eigenvaluesFrom: "runningAverage" });
    case "tekfac":
      return tekfac(goal, measured);
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
