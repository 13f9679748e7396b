/**
 * The golden cases of `tests/fixtures/golden` as the oracle's own types.
 *
 * @module
 */

import { type Rows, unvec } from "./dense.ts";
import type { LayerSpec, Tensor } from "./layer.ts";

/** A layer case; see the fixtures' README. */
export interface LayerCase {
  readonly name: string;
  readonly layer: LayerSpec;
  readonly a: Tensor;
  readonly outputGrads: Tensor;
  readonly G: Tensor;
  readonly expected: {
    readonly A: Tensor;
    readonly B: Tensor;
    readonly delta: number;
    readonly PhiRaw: Tensor;
    readonly PsiRaw: Tensor;
    readonly patches?: Tensor;
    readonly F?: Tensor;
    readonly eigA: Tensor;
    readonly eigB: Tensor;
    readonly eigPhi: Tensor;
    readonly eigPsi: Tensor;
    readonly sStarAscending: Tensor;
    readonly ThetaAscending: Tensor;
    readonly frobeniusErrors: Readonly<Record<string, number>>;
    readonly traces: Readonly<Record<string, number>>;
    readonly updates: readonly {
      readonly method: string;
      readonly lam: number;
      readonly update: Tensor;
      readonly uDotG: number;
    }[];
  };
}

/** A trajectory case. */
export interface TrajectoryCase {
  readonly name: string;
  readonly method: string;
  readonly x: Tensor;
  readonly labels: readonly number[];
  readonly W0: readonly Tensor[];
  readonly hyper: Readonly<Record<string, number>> & {
    readonly lambda: number | null;
    readonly klTimesLoss?: boolean;
  };
  readonly expected: {
    readonly losses: readonly number[];
    readonly finalW: readonly Tensor[];
    readonly nu: readonly number[];
  };
}

/** The loss case. */
export interface LossCase {
  readonly z: Tensor;
  readonly labels: readonly number[];
  readonly targets: Tensor;
  readonly targetsBCE: Tensor;
  readonly expected: Readonly<
    Record<string, {
      readonly perExample: Tensor;
      readonly mean: number;
      readonly outputGrads: Tensor;
    }>
  >;
}

/** A tensor of two dimensions as rows. */
export function rowsOf(tensor: Tensor): Rows {
  return unvec(tensor.data, tensor.shape[0], tensor.shape[1]);
}

/** All golden cases whose file name matches, in the order of their names. */
export async function goldenCases<T>(pattern: RegExp): Promise<T[]> {
  const folder = new URL("../fixtures/golden/", import.meta.url);
  const names = (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name);
  const chosen = names.filter((name) => pattern.test(name)).sort();
  return await Promise.all(
    chosen.map(async (name) => JSON.parse(await Deno.readTextFile(new URL(name, folder))) as T),
  );
}
