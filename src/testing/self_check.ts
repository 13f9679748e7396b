/**
 * Whether a backend computes right on this very machine: every verb against its definition.
 *
 * @module
 */

import type { Backend, Verbs } from "../backend/backend.ts";
import { batchNormVerbs } from "../backend/wasm/batch_norm/extension.ts";
import { depthwiseVerbs } from "../backend/wasm/depthwise/extension.ts";
import { densityLossVerbs } from "../backend/wasm/density_losses/extension.ts";
import { sequenceVerbs } from "../backend/wasm/sequences/extension.ts";
import { createBackendSync } from "../backend/choice/select_sync.ts";
import type { OwnedMatrix } from "../core/matrix.ts";
import { Random } from "../core/random.ts";
import { formatTable } from "../core/table.ts";
import { type DenseMatrix, denseMatrix, frobeniusNorm } from "../linalg/dense_matrix.ts";
import { gemm } from "../linalg/gemm.ts";
import { upload } from "./generators.ts";
import { madeUpCall } from "./made_up_call.ts";
import { normals, SELF_CHECK_CALLS, type Trial } from "./self_check_calls.ts";

/** What became of one verb. */
export interface SelfCheckRow {
  /** The verb. */
  readonly verb: keyof Verbs;
  /**
   * Largest error of an output's entry, in units of the backend's roundoff times the largest entry
   * expected. For `eigh` `|A Q - Q diag|_F / |A|_F` and `|Q^T Q - I|_F / sqrt n`, in roundoffs.
   */
  readonly error: number;
  /** What is allowed: a small multiple of the number of roundings that add up in an entry. */
  readonly allowed: number;
}

/** What {@linkcode selfCheck} found. */
export interface SelfCheckReport {
  /** The backend's description: `"webgpu (NVIDIA H200)"`. */
  readonly backend: string;
  /** Whether no error is larger than allowed. */
  readonly passed: boolean;
  /** One row per verb. */
  readonly rows: readonly SelfCheckRow[];
  /** The rows as an aligned table. */
  readonly text: string;
}

/**
 * Runs every verb of a backend once, on matrices large enough to take all paths of a kernel, and
 * compares with the float64 reference. Worth a second on a GPU that has never been used before:
 * drivers differ.
 *
 * @param backend Any backend; nothing stays allocated on it.
 * @throws {BackendError} When the backend fails in another way than by its numbers.
 *
 * @example Is this machine to be trusted?
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 * import { selfCheck } from "@tekfac/tekfac/testing";
 *
 * using backend = await createBackend();
 * const { passed, text } = await selfCheck(backend);
 * assert(passed, text);
 * ```
 */
export async function selfCheck(backend: Backend): Promise<SelfCheckReport> {
  for (const extension of [sequenceVerbs, batchNormVerbs, depthwiseVerbs, densityLossVerbs]) {
    backend.extend(extension);
  }
  const reference = createBackendSync({ prefer: ["reference"] });
  const rows: SelfCheckRow[] = [];
  try {
    for (const verb of Object.keys(SELF_CHECK_CALLS) as (keyof Verbs)[]) {
      const { trials, allowed } = SELF_CHECK_CALLS[verb];
      const expected = await outputsOf(reference, verb, trials);
      const actual = await outputsOf(backend, verb, trials);
      const error = verb === "eigh"
        ? eigenError(expected.inputs[0], actual.outputs)
        : Math.max(...actual.outputs.map((out, i) => entryError(out, expected.outputs[i])));
      rows.push({ verb, error: error / backend.info.roundoff, allowed });
    }
  } finally {
    reference[Symbol.dispose]();
  }
  return {
    backend: backend.info.description,
    passed: rows.every(isGood),
    rows,
    text: formatTable(
      ["verb", "error / roundoff", "allowed", ""],
      rows.map((row) => [
        row.verb,
        Number(row.error.toFixed(1)),
        row.allowed,
        isGood(row) ? "ok" : "WRONG",
      ]),
    ),
  };
}

/** NaN is not good. */
function isGood({ error, allowed }: SelfCheckRow): boolean {
  return error <= allowed;
}

/** What a verb leaves in its outputs, and what it was given. */
async function outputsOf(
  backend: Backend,
  verb: keyof Verbs,
  trials: readonly Trial[],
): Promise<{ readonly outputs: DenseMatrix[]; readonly inputs: DenseMatrix[] }> {
  const random = new Random(1);
  const owners: OwnedMatrix[] = [];
  const outputs: OwnedMatrix[] = [];
  const inputs: DenseMatrix[] = [];
  try {
    for (const { sizes, parts = {}, numbers = {} } of trials) {
      const made: Record<string, DenseMatrix> = {};
      const call = madeUpCall(verb, sizes, parts, (name, rows, cols, { written }) => {
        const make = numbers[name] ?? (written ? denseZeros : normals);
        const x = made[name] = make(random, rows, cols, made);
        const matrix = upload(backend, x);
        owners.push(matrix);
        if (written) outputs.push(matrix);
        else inputs.push(x);
        return matrix;
      });
      (backend[verb] as (...call: unknown[]) => void)(...call);
    }
    const read = await Promise.all(outputs.map((output) => backend.read(output)));
    return {
      outputs: outputs.map(({ rows, cols }, i) => denseMatrix(rows, cols, read[i])),
      inputs,
    };
  } finally {
    for (const owner of owners) owner[Symbol.dispose]();
  }
}

function denseZeros(_: Random, rows: number, cols: number): DenseMatrix {
  return denseMatrix(rows, cols);
}

function entryError(actual: DenseMatrix, expected: DenseMatrix): number {
  const largest = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = actual.data.reduce((most, value, i) => {
    const error = Math.abs(value - expected.data[i]);
    return error <= most ? most : error;
  }, 0);
  return largest === 0 ? worst : worst / largest;
}

/** The larger of residual and deviation from orthogonality. */
function eigenError(x: DenseMatrix, [vectors, values]: readonly DenseMatrix[]): number {
  const n = x.rows;
  const residual = gemm(x, vectors);
  residual.data.forEach((_, i) => residual.data[i] -= vectors.data[i] * values.data[i % n]);
  const gram = gemm(vectors, vectors, { transposeA: true });
  for (let i = 0; i < n; i++) gram.data[i * n + i] -= 1;
  const errors = [frobeniusNorm(residual) / frobeniusNorm(x), frobeniusNorm(gram) / Math.sqrt(n)];
  return errors.every((error) => error >= 0) ? Math.max(...errors) : NaN;
}
