/** The oracle is believed because another program, with other methods, got the same numbers. */
import assert from "#assert";
import { combine, frobenius, inner, type Rows, trace, vec } from "./dense.ts";
import {
  approximation,
  basesOf,
  type Damping,
  factorsOf,
  fisher,
  type Method,
  thetaOf,
  updateOf,
} from "./fisher.ts";
import {
  goldenCases,
  type LayerCase,
  type LossCase,
  rowsOf,
  type TrajectoryCase,
} from "./golden.ts";
import { examplesOf, meanGradient } from "./layer.ts";
import * as losses from "./losses.ts";
import { train } from "./trajectory.ts";

/** Asserts that no entry is off by more than `tolerance` times the largest expected one. */
function near(
  actual: readonly number[],
  expected: readonly number[],
  what: string,
  tolerance = 1e-9,
  scale = Math.max(...expected.map(Math.abs)),
): void {
  assert.equal(actual.length, expected.length, what);
  const worst = Math.max(...actual.map((v, i) => Math.abs(v - expected[i])));
  assert.ok(worst <= tolerance * scale, `${what}: off by ${worst / scale} of the largest entry`);
}

const METHODS: readonly Method[] = ["kfac", "ekfac", "tkfac", "tekfac"];

for (const golden of await goldenCases<LayerCase>(/^(dense|conv).*\.json$/)) {
  const { expected, layer } = golden;
  const examples = examplesOf(layer, golden.a, golden.outputGrads);

  Deno.test(`oracle agrees with the golden statistics of ${golden.name}`, () => {
    const [k, t] = [factorsOf("kfac", examples), factorsOf("tkfac", examples)];
    near(vec(meanGradient(examples)), golden.G.data, "G");
    near(vec(k.input), expected.A.data, "A");
    near(vec(k.output), expected.B.data, "B");
    near([t.delta], [expected.delta], "delta");
    near(vec(t.input), expected.PhiRaw.data, "PhiRaw");
    near(vec(t.output), expected.PsiRaw.data, "PsiRaw");
    if (expected.patches) {
      near(examples.flatMap((e) => vec(e.inputs)), expected.patches.data, "patches");
    }
  });

  Deno.test(`oracle agrees with the golden spectra of ${golden.name}`, () => {
    const [k, t] = [factorsOf("kfac", examples), factorsOf("tkfac", examples)].map(basesOf);
    // The golden eigenvalues are those of Phi and Psi, whose traces are 1.
    const normalized = (values: readonly number[]) => values.map((v) => v / expected.delta);
    near(k.inputValues, expected.eigA.data, "eigA");
    near(k.outputValues, expected.eigB.data, "eigB");
    near(normalized(t.inputValues), expected.eigPhi.data, "eigPhi");
    near(normalized(t.outputValues), expected.eigPsi.data, "eigPsi");
    near(vec(thetaOf("ekfac", k, examples)), expected.sStarAscending.data, "sStar");
    near(vec(thetaOf("tekfac", t, examples)), expected.ThetaAscending.data, "Theta");
  });

  Deno.test(`oracle agrees with the golden approximations of ${golden.name}`, () => {
    const F = fisher(examples, "together");
    const apart = fisher(examples, "apart");
    const size = frobenius(F);
    if (expected.F) near(vec(F), expected.F.data, "F");
    near([trace(F)], [expected.traces.F], "tr F");
    for (const method of METHODS) {
      const dense = denseApproximation(method, examples);
      const distance = frobenius(combine(1, F, -1, dense));
      near([distance], [expected.frobeniusErrors[method]], `|F - ${method}|`, 1e-9, size);
      near([trace(dense)], [expected.traces[method]], `tr ${method}`);
      const fromApart = expected.frobeniusErrors[`${method}_vs_Floc`];
      if (fromApart !== undefined) {
        const distance = frobenius(combine(1, apart, -1, dense));
        near([distance], [fromApart], `|Floc - ${method}|`, 1e-9, size);
      }
    }
  });

  Deno.test(`oracle agrees with the golden updates of ${golden.name}`, () => {
    const gradient = meanGradient(examples);
    for (const { method: name, lam, update, uDotG } of expected.updates) {
      const method = name.replace("_firststep", "") as Method;
      const factors = factorsOf(method, examples);
      const bases = basesOf(factors);
      const theta = thetaOf(method, bases, examples);
      const actual = updateOf(method, gradient, factors, bases, theta, lam);
      near(vec(actual), update.data, `${name} at lambda ${lam}`);
      near([inner(actual, gradient)], [uDotG], `<U, G> of ${name} at lambda ${lam}`);
    }
  });
}

for (const golden of await goldenCases<TrajectoryCase>(/^traj.*\.json$/)) {
  Deno.test(`oracle agrees with the golden course of ${golden.name}`, () => {
    const { lambda, tau, klClip, klTimesLoss, ...numbers } = golden.hyper;
    const damping: Damping = lambda === null || lambda === undefined
      ? { kind: "relative", tau }
      : { kind: "absolute", lambda };
    const course = train(golden.method as Method, {
      x: rowsOf(golden.x),
      labels: golden.labels,
      weights: golden.W0.map(rowsOf),
    }, {
      ...numbers as
        & Record<"steps" | "lr" | "momentum" | "tFim" | "tEig" | "tRe", number>
        & Record<"betaFactors" | "betaTheta", number>,
      damping,
      ...(klClip === undefined ? {} : { klClip, klTimesLoss: klTimesLoss ?? false }),
    });
    near(course.losses, golden.expected.losses, "losses", 1e-8);
    near(course.clipFactors, golden.expected.nu, "clip factors", 1e-8);
    course.weights.forEach((w, l) =>
      near(vec(w), golden.expected.finalW[l].data, `weights of layer ${l}`, 1e-8)
    );
  });
}

Deno.test("oracle agrees with the golden losses", async () => {
  const [golden] = await goldenCases<LossCase>(/^losses\.json$/);
  const z = rowsOf(golden.z);
  const results: Record<string, losses.LossValues> = {
    softmaxCE: losses.softmaxCrossEntropy(z, golden.labels),
    halfSumMSE: losses.halfSumSquaredError(z, rowsOf(golden.targets)),
    meanMSE: losses.meanSquaredError(z, rowsOf(golden.targets)),
    sigmoidBCEsum: losses.sigmoidCrossEntropy(z, rowsOf(golden.targetsBCE)),
  };
  for (const [name, expected] of Object.entries(golden.expected)) {
    near(results[name].losses, expected.perExample.data, `${name} values`);
    near(vec(results[name].gradients), expected.outputGrads.data, `${name} gradients`);
  }
});

/** An approximation with everything it needs measured on the given examples. */
function denseApproximation(method: Method, examples: ReturnType<typeof examplesOf>): Rows {
  const factors = factorsOf(method, examples);
  const bases = basesOf(factors);
  return approximation(method, factors, bases, thetaOf(method, bases, examples));
}
