/**
 * The theorems about the four approximations, as judgments of numbers. Statements and sources:
 * docs/MATH.md, section 2.6.
 *
 * @module
 */

import { type DenseMatrix, frobeniusDistance, frobeniusNorm, trace } from "@tekfac/tekfac/linalg";
import { type FisherMethod, fisherMethods } from "./approximations.ts";
import { vonNeumann } from "./divergences.ts";
import { product, withTrace } from "./factor_family.ts";
import type { LayerRelationships } from "./layer_relationships.ts";

/** What a row of the table of theorems is about. */
export type TheoremKind =
  /** A corrected approximation is no farther from F than the one whose basis it shares. */
  | "closest"
  /** ... and by how much it is nearer. */
  | "pythagoras"
  /** What an approximation's trace is. */
  | "trace"
  /** All four are exact for one example at one location. */
  | "one-example"
  /** TEKFAC is EKFAC with EKFAC's factors. */
  | "same-factors"
  /** TKFAC is nearest to F by von Neumann's divergence. */
  | "projection";

/** One theorem, applied to one layer. */
export interface TheoremCheck {
  /** What it is about. */
  readonly kind: TheoremKind;
  /** Name of the layer's parameter. */
  readonly layer: string;
  /** What it says. */
  readonly statement: string;
  /** Where it is stated. */
  readonly source: string;
  /** The number it was judged by: holds when at most `tolerance`. */
  readonly measured: number;
  /** What rounding may amount to. */
  readonly tolerance: number;
  /** Whether it held. */
  readonly held: boolean;
}

/** Unit roundoff of float64. */
const ROUNDOFF = 2 ** -53;

/**
 * Judges every theorem that speaks of a layer of this kind.
 *
 * @example TEKFAC is as near to the exact block as its basis allows
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { dense, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
 * import { fisherRelationships } from "./layer_relationships.ts";
 * import { checkTheorems } from "./theorems.ts";
 *
 * using backend = await createBackend({ prefer: ["reference"] });
 * using model = sequential(backend, { input: [2], layers: [dense(2)], seed: 1 });
 * const batch = { inputs: [1, 0, 2, 1, 0, 3], targets: [1, 0, 0, 1, 2, 1] };
 * const [layer] = fisherRelationships(objective(model, squaredError()), batch);
 * const theorems = checkTheorems(layer);
 * const nearer = theorems.find(({ statement }) => statement === "|F - TEKFAC| <= |F - TKFAC|");
 * assert(nearer!.measured < 0);
 * assert(theorems.every(({ held }) => held));
 * ```
 */
export function checkTheorems(layer: LayerRelationships): TheoremCheck[] {
  return [
    ...corrected(layer, "kfac", "ekfac", "EKFAC, section 3"),
    ...corrected(layer, "tkfac", "tekfac", "TEKFAC, theorem 3.1"),
    ...traces(layer),
    ...(layer.locations === 1 ? oneExample(layer) : []),
    sameFactors(layer),
    ...(layer.locations === 1 ? [projection(layer)] : []),
  ];
}

/** (2.16) and (2.17). */
function corrected(
  layer: LayerRelationships,
  factored: FisherMethod,
  measured: FisherMethod,
  theorem: string,
): TheoremCheck[] {
  const { fisher, matrices: { [factored]: far, [measured]: near } } = layer;
  const [toFar, toNear] = [frobeniusDistance(fisher, far), frobeniusDistance(fisher, near)];
  const between = frobeniusDistance(near, far);
  const [x, y] = [factored.toUpperCase(), measured.toUpperCase()];
  const tolerance = rounding(layer, fisher, far, near);
  return [
    judge(layer, "closest", {
      statement: `|F - ${y}| <= |F - ${x}|`,
      source: `${theorem} (2.16)`,
      measured: toNear - toFar,
      tolerance,
    }),
    judge(layer, "pythagoras", {
      statement: `|F - ${x}|^2 = |F - ${y}|^2 + |${y} - ${x}|^2`,
      source: `${theorem} (2.17)`,
      measured: Math.abs(toFar ** 2 - toNear ** 2 - between ** 2),
      tolerance: tolerance * (frobeniusNorm(fisher) + frobeniusNorm(far) + frobeniusNorm(near)),
    }),
  ];
}

/** Section 2.6, number 2. */
function traces(layer: LayerRelationships): TheoremCheck[] {
  const { fisher, matrices, delta, phiRaw, psiRaw, locations } = layer;
  const exact = trace(fisher);
  const equal = (
    statement: string,
    source: string,
    value: number,
    expected: number,
  ): TheoremCheck =>
    judge(layer, "trace", {
      ...{ statement, source, measured: Math.abs(value - expected) },
      tolerance: terms(layer) * ROUNDOFF * (Math.abs(value) + Math.abs(expected)),
    });
  return [
    equal("tr EKFAC = tr F", "EKFAC (2.6, no. 2)", trace(matrices.ekfac), exact),
    equal("tr TEKFAC = tr F", "TEKFAC (2.6, no. 2)", trace(matrices.tekfac), exact),
    equal("tr PhiRaw = delta", "TKFAC, theorem 4.1 (2.12)", trace(phiRaw), delta),
    equal("tr PsiRaw = delta", "TKFAC, theorem 4.1 (2.12)", trace(psiRaw), delta),
    locations === 1
      ? equal(
        "tr TKFAC = tr F, T = 1",
        "TKFAC, theorem 4.1 (2.6, no. 2)",
        trace(matrices.tkfac),
        exact,
      )
      : equal(
        "tr TKFAC = delta, T > 1",
        "TKFAC, theorem 4.3 (2.6, no. 2)",
        trace(matrices.tkfac),
        delta,
      ),
  ];
}

/** Section 2.6, number 3. */
function oneExample(layer: LayerRelationships): TheoremCheck[] {
  const { fisher, matrices } = layer.single;
  return fisherMethods.map((method) =>
    judge(layer, "one-example", {
      statement: `${method.toUpperCase()} = F for one example, T = 1`,
      source: "one example (2.6, no. 3)",
      measured: frobeniusDistance(fisher, matrices[method]),
      tolerance: rounding(layer, fisher, matrices[method]),
    })
  );
}

/** Section 2.4. */
function sameFactors(layer: LayerRelationships): TheoremCheck {
  const { matrices: { ekfac }, tekfacOfKfac } = layer;
  return judge(layer, "same-factors", {
    statement: "TEKFAC = EKFAC where Phi, Psi := A, B",
    source: "TEKFAC, section 3 (2.4)",
    measured: frobeniusDistance(tekfacOfKfac, ekfac),
    tolerance: rounding(layer, tekfacOfKfac, ekfac),
  });
}

/** Section 2.15: KFAC, scaled to F's trace, is another Kronecker product. */
function projection(layer: LayerRelationships): TheoremCheck {
  const { fisher, matrices: { tkfac }, independent } = layer;
  const other = product(withTrace(independent, fisher));
  return judge(layer, "projection", {
    statement: "D(F, TKFAC) <= D(F, c KFAC)",
    source: "von Neumann (2.15)",
    measured: vonNeumann(fisher, tkfac) - vonNeumann(fisher, other),
    // Logarithms of eigenvalues that are a share NOTHING of the largest.
    tolerance: 32 * rounding(layer, fisher, tkfac, other),
  });
}

/** Asks for `<=`, so that a NaN does not pass. */
function judge(
  { name }: LayerRelationships,
  kind: TheoremKind,
  facts: Pick<TheoremCheck, "statement" | "source" | "measured" | "tolerance">,
): TheoremCheck {
  return { kind, layer: name, ...facts, held: facts.measured <= facts.tolerance };
}

/**
 * How many roundings add up, relative to the size of the matrices: eigenvectors are orthogonal to a few n
 * roundoff and two rotations with them make it 8 n, and moments are sums over N T terms.
 */
function terms({ fisher, examples, locations }: LayerRelationships): number {
  return 8 * (fisher.rows + examples * locations);
}

function rounding(layer: LayerRelationships, ...matrices: readonly DenseMatrix[]): number {
  return terms(layer) * ROUNDOFF *
    matrices.reduce((sum, matrix) => sum + frobeniusNorm(matrix), 0);
}
