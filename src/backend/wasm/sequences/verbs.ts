/**
 * Rows normalised for themselves, rows of tables, attention, and smooth nonlinearities.
 *
 * @module
 */

import type { Activation, SequenceVerbs, Verbs } from "../../backend.ts";
import type { Matrix } from "../../../core/matrix.ts";
import type { Address, ExtensionHost } from "../../extension.ts";
import { addressOf } from "../module/machine.ts";
import { extent } from "../verbs/elementwise.ts";
import type { SequenceExports } from "./_kernels.gen.ts";

/** Numbers of the nonlinearities in `asm/smooth_activation.ts` are their places. */
const SMOOTH: readonly Activation[] = ["gelu", "geluTanh", "silu", "softplus"];

/** The verbs of this topic. */
export type Sequences = SequenceVerbs & Pick<Verbs, "activation" | "activationGradient">;

/** The verbs of this topic on one machine. */
export function createSequences(host: ExtensionHost, kernels: SequenceExports): Sequences {
  return {
    activation(kind, out, x) {
      const smooth = SMOOTH.indexOf(kind);
      if (smooth < 0) return host.verbs.activation(kind, out, x);
      const [rows, cols] = extent(out, x);
      // deno-fmt-ignore
      kernels.smoothActivation(
        smooth, rows, cols, addressOf(out), out.stride, addressOf(x), x.stride,
      );
    },

    activationGradient(kind, out, y, g) {
      const smooth = SMOOTH.indexOf(kind);
      if (smooth < 0) return host.verbs.activationGradient(kind, out, y, g);
      const [rows, cols] = extent(out, y, g);
      // deno-fmt-ignore
      kernels.smoothActivationGradient(
        smooth, rows, cols, addressOf(out), out.stride,
        addressOf(y), y.stride, addressOf(g), g.stride,
      );
    },

    rowNorm(kind, out, x, weights, epsilon) {
      // deno-fmt-ignore
      kernels.rowNorm(
        x.rows, x.cols, +(kind === "layer"), weights.rows, epsilon, addressOf(out), out.stride,
        addressOf(x), x.stride, addressOf(weights), weights.stride,
      );
    },

    rowNormSums(kind, out, x, g, epsilon) {
      const examples = out.rows / 2;
      if (examples === 0) return;
      // deno-fmt-ignore
      kernels.rowNormSums(
        examples, x.rows / examples, x.cols, +(kind === "layer"), epsilon,
        addressOf(out), out.stride, addressOf(x), x.stride, addressOf(g), g.stride,
      );
    },

    rowNormGradient(kind, out, x, g, weights, epsilon) {
      // deno-fmt-ignore
      kernels.rowNormGradient(
        x.rows, x.cols, +(kind === "layer"), epsilon, addressOf(out), out.stride,
        addressOf(x), x.stride, addressOf(g), g.stride, addressOf(weights),
      );
    },

    gatherRows(out, table, tokens) {
      // deno-fmt-ignore
      kernels.gatherRows(
        out.rows, table.rows, out.cols, addressOf(out), out.stride,
        addressOf(table), table.stride, addressOf(tokens),
      );
    },

    scatterRows(out, tokens, x, { decay = 0, scale = 1 } = {}) {
      // deno-fmt-ignore
      kernels.scatterRows(
        x.rows, out.rows, x.cols, decay, scale, addressOf(out), out.stride,
        addressOf(tokens), addressOf(x), x.stride,
      );
    },

    mergeRows(out, tokens, x, positions) {
      // deno-fmt-ignore
      kernels.mergeRows(
        x.rows / positions, positions, x.cols, addressOf(out), out.stride,
        addressOf(tokens), addressOf(x), x.stride,
      );
    },

    attention(out, qkv, { positions, heads, causal, dropout = 0 }, mask, seeds) {
      const bytes = kernels.attentionWorkspace(positions, out.cols / heads);
      host.withWorkspace(bytes, (workspace) => {
        // deno-fmt-ignore
        kernels.attention(
          out.rows / positions, positions, out.cols, heads, +causal,
          addressOf(out), out.stride, addressOf(qkv), qkv.stride,
          addressOrNone(mask), addressOrNone(seeds), droppedOf(dropout), workspace,
        );
      });
    },

    attentionGradient(out, qkv, g, { positions, heads, causal, dropout = 0 }, mask, seeds) {
      const bytes = kernels.attentionGradientWorkspace(positions, g.cols / heads);
      host.withWorkspace(bytes, (workspace) => {
        // deno-fmt-ignore
        kernels.attentionGradient(
          g.rows / positions, positions, g.cols, heads, +causal, addressOf(out), out.stride,
          addressOf(qkv), qkv.stride, addressOf(g), g.stride,
          addressOrNone(mask), addressOrNone(seeds), droppedOf(dropout), workspace,
        );
      });
    },

    rotatePairs(out, x, turns, columns) {
      // deno-fmt-ignore
      kernels.rotatePairs(
        x.rows, x.cols, columns, turns.rows, turns.cols, addressOf(out), out.stride,
        addressOf(x), x.stride, addressOf(turns), turns.stride,
      );
    },

    softmax(out, x) {
      kernels.softmaxRows(x.rows, x.cols, addressOf(out), out.stride, addressOf(x), x.stride);
    },

    softmaxGradient(out, y, g) {
      // deno-fmt-ignore
      kernels.softmaxRowsGradient(
        y.rows, y.cols, addressOf(out), out.stride, addressOf(y), y.stride,
        addressOf(g), g.stride,
      );
    },
  };
}

/** 0 stands for a matrix that is not there. */
function addressOrNone(m: Matrix | undefined): Address {
  return m === undefined ? 0 as Address : addressOf(m);
}

/** A share in units of 2^-24. */
function droppedOf(rate: number): number {
  return Math.round(rate * 2 ** 24);
}
