/**
 * A causal transformer and its training in plain numbers (Radford et al. 2019, Kingma & Ba 2015, Loshchilov & Hutter
 * 2019), from the papers: no matrix, no backward pass of its own. Shares nothing with the library.
 *
 * @module
 */

import { type Scalar, Tape } from "./tape.ts";

/** Rows of numbers. */
type Rows<T> = readonly (readonly T[])[];

/** Sizes of the model; the vocabulary and the context are those of its tables. */
export interface Sizes {
  readonly layers: number;
  readonly heads: number;
}

/**
 * The weights, in order: tables of tokens and positions; of each block scales over shifts, the projections to queries,
 * keys and values, the projection out, scales over shifts, two dense layers; at the end scales over shifts and the
 * head. Biases are the last column.
 */
export type Weights = readonly Rows<number>[];

/** Sequences of tokens, and the tokens that follow each. */
export interface Sequences {
  readonly inputs: Rows<number>;
  readonly targets: Rows<number>;
}

/** How the weights change. */
export type Rule =
  | { readonly kind: "sgd"; readonly lr: number }
  | {
    readonly kind: "adamw";
    readonly lr: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    /** Of all that is neither a bias nor a normalisation. */
    readonly decay: number;
    /** Most that the norm of the gradient may be. */
    readonly clip: number;
  };

/** Losses before each step. */
export function trainedLosses(
  weights: Weights,
  sizes: Sizes,
  batches: readonly Sequences[],
  rule: Rule,
): number[] {
  const now = weights.map((rows) => rows.map((row) => [...row]));
  const zeros = () => weights.map((rows) => rows.map((row) => row.map(() => 0)));
  const [first, second] = [zeros(), zeros()];
  return batches.map((batch, step) => {
    const { loss, gradients } = differentiate(now, sizes, batch);
    const norm = Math.hypot(...gradients.flat(2));
    now.forEach((rows, p) =>
      rows.forEach((row, i) =>
        row.forEach((w, j) => {
          if (rule.kind === "sgd") return row[j] = w - rule.lr * gradients[p][i][j];
          const { lr, beta1, beta2, epsilon, decay, clip } = rule;
          const g = gradients[p][i][j] * Math.min(1, clip / norm);
          const m = first[p][i][j] = beta1 * first[p][i][j] + (1 - beta1) * g;
          const v = second[p][i][j] = beta2 * second[p][i][j] + (1 - beta2) * g * g;
          const [mHat, vHat] = [m / (1 - beta1 ** (step + 1)), v / (1 - beta2 ** (step + 1))];
          const shrunk = decays(p, j, row.length, weights.length) ? w - lr * decay * w : w;
          return row[j] = shrunk - lr * mHat / (Math.sqrt(vHat) + epsilon);
        })
      )
    );
    return loss;
  });
}

/** Whether a number is a weight of a table or a matrix: by its parameter's place in a block, and its column. */
function decays(parameter: number, column: number, columns: number, parameters: number): boolean {
  if (parameter < 2 || parameter === parameters - 1) return true;
  if (parameter === parameters - 2 || [0, 3].includes((parameter - 2) % 6)) return false;
  return column < columns - 1;
}

/** Mean loss over sequences and positions, nats, and its derivatives. */
function differentiate(weights: Weights, sizes: Sizes, { inputs, targets }: Sequences) {
  const tape = new Tape();
  const leaves = weights.map((rows) => rows.map((row) => row.map((w) => tape.input(w))));
  const losses = inputs.flatMap((tokens, n) => {
    const logits = forward(tape, leaves, sizes, tokens);
    return logits.map((z, t) => {
      const total = tape.log(tape.sum(...z.map((value) => tape.exp(value))));
      return tape.sum(total, tape.scaled(-1, z[targets[n][t]]));
    });
  });
  const loss = tape.scaled(1 / losses.length, tape.sum(...losses));
  const all = tape.derivatives(loss);
  const gradients = leaves.map((rows) => rows.map((row) => row.map((leaf) => all[leaf])));
  return { loss: tape.valueOf(loss), gradients };
}

function forward(
  tape: Tape,
  weights: readonly Rows<Scalar>[],
  { layers, heads }: Sizes,
  tokens: readonly number[],
): Rows<Scalar> {
  const [tokenRows, positionRows, ...rest] = weights;
  let x: Rows<Scalar> = tokens.map((token, t) =>
    tokenRows[token].map((value, c) => tape.sum(value, positionRows[t][c]))
  );
  for (let layer = 0; layer < layers; layer++) {
    const [norm1, qkv, out, norm2, up, down] = rest.slice(6 * layer, 6 * layer + 6);
    const seen = x.map((row) => dense(tape, qkv, normalized(tape, norm1, row)));
    const mixed = attention(tape, seen, heads);
    x = x.map((row, t) => added(tape, row, dense(tape, out, mixed[t])));
    x = x.map((row) => {
      const hidden = dense(tape, up, normalized(tape, norm2, row));
      return added(tape, row, dense(tape, down, hidden.map((value) => gelu(tape, value))));
    });
  }
  const [norm, head] = rest.slice(-2);
  return x.map((row) => {
    const last = normalized(tape, norm, row);
    return head.map((weights) => tape.inner(weights, last));
  });
}

function dense(tape: Tape, weights: Rows<Scalar>, x: readonly Scalar[]): Scalar[] {
  return weights.map((row) => tape.sum(tape.inner(row.slice(0, -1), x), row.at(-1)!));
}

function added(tape: Tape, x: readonly Scalar[], y: readonly Scalar[]): Scalar[] {
  return x.map((value, i) => tape.sum(value, y[i]));
}

function normalized(tape: Tape, [scales, shifts]: Rows<Scalar>, x: readonly Scalar[]): Scalar[] {
  const mean = tape.scaled(1 / x.length, tape.sum(...x));
  const centred = x.map((value) => tape.sum(value, tape.scaled(-1, mean)));
  const variance = tape.scaled(1 / x.length, tape.inner(centred, centred));
  const factor = tape.power(tape.sum(variance, tape.input(1e-5)), -0.5);
  return centred.map((value, c) =>
    tape.sum(tape.product(scales[c], tape.product(value, factor)), shifts[c])
  );
}

function attention(tape: Tape, qkv: Rows<Scalar>, heads: number): Scalar[][] {
  const channels = qkv[0].length / 3;
  const width = channels / heads;
  const part = (t: number, which: number, head: number) =>
    qkv[t].slice(which * channels + head * width, which * channels + (head + 1) * width);
  return qkv.map((_, t) =>
    Array.from({ length: heads }, (_, head) => {
      const weights = Array.from({ length: t + 1 }, (_, u) => {
        const score = tape.inner(part(t, 0, head), part(u, 1, head));
        return tape.exp(tape.scaled(1 / Math.sqrt(width), score));
      });
      const inverse = tape.power(tape.sum(...weights), -1);
      return Array.from({ length: width }, (_, c) => {
        const values = weights.map((_, u) => part(u, 2, head)[c]);
        return tape.product(inverse, tape.inner(weights, values));
      });
    }).flat()
  );
}

/** `x Phi(x)`, with `Phi' = phi`. */
function gelu(tape: Tape, x: Scalar): Scalar {
  const density = (value: number) => Math.exp(-value * value / 2) / Math.sqrt(2 * Math.PI);
  return tape.product(x, tape.applied(distribution, density, x));
}

/** Phi, by its series `1/2 + phi(x) (x + x^3/3 + x^5/(3 5) + ...)` (Abramowitz & Stegun 26.2.11). */
function distribution(x: number): number {
  let term = x, sum = x;
  for (let k = 3; Math.abs(term) > 1e-18 && k < 400; k += 2) sum += term *= x * x / k;
  return 0.5 + sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
}
