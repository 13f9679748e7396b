/**
 * The Fisher block of a layer and its four approximations as dense matrices, and the updates they
 * give, by the definitions of `docs/MATH.md`, sections 2 and 4. With row-major vec of [dOut, dIn'].
 *
 * @module
 */

import {
  combine,
  eigen,
  identity,
  kron,
  map,
  mean,
  outer,
  product,
  type Rows,
  solve,
  trace,
  transpose,
  unvec,
  vec,
} from "./dense.ts";
import { type Example, exampleGradient, meanGradient } from "./layer.ts";

/** Ways to approximate a Fisher block. `ekfac_ra` measures `N (U_B^T G U_A)^2` on the mean gradient. */
export type Method = "kfac" | "ekfac" | "ekfac_ra" | "tkfac" | "tekfac";

/** The numerators that are averaged over steps. `delta` is 1 where the method has none. */
export interface Factors {
  /** A or PhiRaw, [dIn', dIn']. */
  readonly input: Rows;
  /** B or PsiRaw, [dOut, dOut]. */
  readonly output: Rows;
  /** The trace both raw factors share (TKFAC, TEKFAC). */
  readonly delta: number;
}

/** An orthogonal basis of a layer's gradients; columns are eigenvectors, values ascending. */
export interface Bases {
  readonly input: Rows;
  readonly output: Rows;
  readonly inputValues: readonly number[];
  readonly outputValues: readonly number[];
}

/** The damping of one update. */
export type Damping =
  | { readonly kind: "absolute"; readonly lambda: number }
  | { readonly kind: "relative"; readonly tau: number }
  | { readonly kind: "paper"; readonly lambda: number };

/** `F = E[vec G_n vec G_n^T]`, or that of uncorrelated locations: the mean of `sum_t` outside. */
export function fisher(examples: readonly Example[], locations: "together" | "apart"): Rows {
  const square = (x: Rows) => outer(vec(x), vec(x));
  if (locations === "together") return mean(examples.map((e) => square(exampleGradient(e))));
  return mean(examples.map((e) =>
    e.inputs.map((a, t) => square(outer(e.gradients[t], a)))
      .reduce((sum, x) => combine(1, sum, 1, x))
  ));
}

/** True for the two methods whose factors weigh each location by the other side's norm. */
export function isTracePreserving(method: Method): boolean {
  return method === "tkfac" || method === "tekfac";
}

/** A and B, or PhiRaw, PsiRaw and delta, of one batch. */
export function factorsOf(method: Method, examples: readonly Example[]): Factors {
  const squared = (v: readonly number[]) => v.reduce((s, x) => s + x * x, 0);
  const weighed = isTracePreserving(method);
  const expectation = (term: (a: number[], g: number[]) => Rows) =>
    mean(
      examples.map((e) =>
        e.inputs.map((a, t) => term(a, e.gradients[t])).reduce((sum, x) => combine(1, sum, 1, x))
      ),
    );
  const input = expectation((a, g) => map(outer(a, a), (v) => (weighed ? squared(g) : 1) * v));
  const output = expectation((a, g) =>
    map(outer(g, g), (v) => (weighed ? squared(a) : 1 / examples[0].inputs.length) * v)
  );
  const delta = weighed ? expectation((a, g) => [[squared(a) * squared(g)]])[0][0] : 1;
  return { input, output, delta };
}

/** Eigenvectors of both factors. */
export function basesOf(factors: Factors): Bases {
  const [a, b] = [eigen(factors.input), eigen(factors.output)];
  return { input: a.vectors, output: b.vectors, inputValues: a.values, outputValues: b.values };
}

/** `Q_out^T X Q_in`. */
export function rotateInto(bases: Bases, x: Rows): Rows {
  return product(transpose(bases.output), x, bases.input);
}

/** `Theta` or `s*`: second moments of the gradients in the basis, measured on one batch. */
export function thetaOf(method: Method, bases: Bases, examples: readonly Example[]): Rows {
  const squares = (x: Rows, scale: number) => map(rotateInto(bases, x), (v) => scale * v * v);
  if (method === "ekfac_ra") return squares(meanGradient(examples), examples.length);
  return mean(examples.map((e) => squares(exampleGradient(e), 1)));
}

/** The old Theta in a new basis: `(R_B o R_B) Theta (R_A o R_A)^T`, `R = Qnew^T Qold`. */
export function transport(theta: Rows, from: Bases, to: Bases): Rows {
  const squared = (q: Rows, p: Rows) => map(product(transpose(q), p), (v) => v * v);
  return product(
    squared(to.output, from.output),
    theta,
    transpose(squared(to.input, from.input)),
  );
}

/** The approximation of F as a dense matrix, undamped. `theta` for the corrected methods only. */
export function approximation(method: Method, factors: Factors, bases: Bases, theta: Rows): Rows {
  if (method === "kfac" || method === "tkfac") {
    return map(kron(factors.output, factors.input), (v) => v / factors.delta);
  }
  const q = kron(bases.output, bases.input);
  const values = vec(theta);
  return product(map(q, (v, _, j) => v * values[j]), transpose(q));
}

/** The mean eigenvalue of the undamped approximation: what relative damping is relative to. */
export function meanEigenvalue(method: Method, factors: Factors, theta: Rows): number {
  const size = factors.input.length * factors.output.length;
  if (method === "kfac") return trace(factors.input) * trace(factors.output) / size;
  if (method === "tkfac") return factors.delta / size;
  return vec(theta).reduce((s, v) => s + v, 0) / size;
}

/** `lambda` of a layer of a network without convolutions. */
export function lambdaOf(damping: Damping, meanEigenvalue: number): number {
  if (damping.kind === "absolute") return damping.lambda;
  return (damping.kind === "paper" ? damping.lambda : damping.tau) *
    Math.max(meanEigenvalue, 1e-12);
}

/** The preconditioned gradient, by a dense solve with the damped approximation. */
export function updateOf(
  method: Method,
  gradient: Rows,
  factors: Factors,
  bases: Bases,
  theta: Rows,
  lambda: number,
): Rows {
  return unvec(
    solve(damped(method, factors, bases, theta, lambda), vec(gradient)),
    gradient.length,
    gradient[0].length,
  );
}

/** What is inverted: factors damped one by one (KFAC, TKFAC), or lambda added to the whole. */
export function damped(
  method: Method,
  factors: Factors,
  bases: Bases,
  theta: Rows,
  lambda: number,
): Rows {
  const [dIn, dOut] = [factors.input.length, factors.output.length];
  const root = Math.sqrt(lambda);
  const shifted = (x: Rows, scale: number, shift: number) =>
    combine(scale, x, shift, identity(x.length));
  if (method === "kfac") {
    const pi = Math.sqrt((trace(factors.input) / dIn) / (trace(factors.output) / dOut));
    return kron(shifted(factors.output, 1, root / pi), shifted(factors.input, 1, pi * root));
  }
  if (method === "tkfac") {
    const scale = 1 / Math.sqrt(factors.delta);
    return kron(shifted(factors.output, scale, root), shifted(factors.input, scale, root));
  }
  return shifted(approximation(method, factors, bases, theta), 1, lambda);
}
