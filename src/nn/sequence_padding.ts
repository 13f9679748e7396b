import type { Pair } from "../core/geometry.ts";

/**
 * What is put around a sequence: so many zeros on either side; `"same"`, so many that there are
 * `ceil(positions / stride)` outputs, the odd one behind; or `"causal"`, as many as the kernel reaches back, all in
 * front, so that no output sees a later position.
 */
export type SequencePadding = number | "same" | "causal";

/** Zeros in front of and behind a sequence. */
export function sequencePadding(
  positions: number,
  { kernel, stride, dilation, padding }: {
    readonly kernel: number;
    readonly stride: number;
    readonly dilation: number;
    readonly padding: SequencePadding;
  },
): Pair {
  if (typeof padding === "number") return [padding, padding];
  const reach = dilation * (kernel - 1);
  if (padding === "causal") return [reach, 0];
  const outputs = Math.ceil(positions / stride);
  const missing = Math.max(0, (outputs - 1) * stride + reach + 1 - positions);
  return [Math.floor(missing / 2), Math.ceil(missing / 2)];
}
