/**
 * What lies between the two projections of an attention: rotary positions, the heads, dropout.
 *
 * @module
 */

import type { Backend } from "../backend/backend.ts";
import { columnsOf, type Matrix, rowsOf } from "../core/matrix.ts";
import type { AttentionShape } from "../linalg/attention.ts";
import { rotaryTurns } from "../linalg/rotate_pairs.ts";
import { exampleSeeds } from "./draws.ts";
import { functionLayer } from "./function_layer.ts";
import type { BuildContext, ForwardPass, Layer } from "./module.ts";

/** How the heads of an attention see its positions. */
export interface HeadsOptions extends AttentionShape {
  /** Whether queries and keys are turned by their positions. */
  readonly rotary: boolean;
}

/** What a pass needs of the one before it: [N T, 3 C], and what was hidden and dropped. */
interface Kept {
  readonly qkv: Matrix;
  readonly mask: Matrix | undefined;
  readonly seeds: Matrix | undefined;
}

/** The heads as a layer without weights: takes queries, keys and values side by side, [positions, 3 C]. */
export function attentionHeads(context: BuildContext, options: HeadsOptions): Layer {
  const { backend, input, random } = context;
  const { rotary, ...shape } = options;
  const { positions, heads, dropout = 0 } = shape;
  const channels = input[1]! / 3;
  const seed = dropout > 0 ? random.bits() : 0;
  const turned = (qkv: Matrix, direction: 1 | -1): Matrix => {
    if (!rotary) return qkv;
    const { rows, cols, data } = rotaryTurns(positions, channels / heads, 10000, direction);
    const turns = backend.scratch(rows, cols);
    backend.write(turns, data);
    const out = backend.scratch(qkv.rows, qkv.cols);
    backend.rotatePairs(out, qkv, turns, 2 * channels);
    return out;
  };
  return functionLayer<Kept>(context, {
    output: [positions, channels],
    forward(x, examples, pass) {
      const qkv = turned(x, 1);
      const mask = pass.mask?.weights;
      const seeds = dropout > 0 ? seedsOf(backend, pass, seed, examples) : undefined;
      const outputs = backend.scratch(qkv.rows, channels);
      backend.attention(outputs, qkv, shape, mask, seeds);
      return { outputs, kept: { qkv, mask, seeds } };
    },
    backward(g, kept) {
      const first = (m: Matrix | undefined, count: number) => m && columnsOf(m, 0, count);
      const qkv = rowsOf(kept.qkv, 0, g.rows);
      const out = backend.scratch(qkv.rows, qkv.cols);
      const seeds = first(kept.seeds, g.rows / positions);
      backend.attentionGradient(out, qkv, g, shape, first(kept.mask, g.rows), seeds);
      return turned(out, -1);
    },
  });
}

/** A number for each example from which follows what is dropped; nothing is in predictions. */
function seedsOf(
  backend: Backend,
  pass: ForwardPass,
  seed: number,
  examples: number,
): Matrix | undefined {
  if (pass.kind === "inference") return undefined;
  const seeds = backend.scratch(1, examples);
  backend.write(seeds, exampleSeeds(pass, seed, examples));
  return seeds;
}
