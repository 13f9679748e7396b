/**
 * Whether a backend computes right on this very machine: every verb against its definition.
 *
 * @module
 */

import type { Backend, Verbs } from "../backend/backend.ts";
import { createBackendSync } from "../backend/choice/select_sync.ts";
import type { Matrix, OwnedMatrix } from "../core/matrix.ts";
import { Random } from "../core/random.ts";
import { formatTable } from "../core/table.ts";
import { type DenseMatrix, denseMatrix, frobeniusNorm } from "../linalg/dense_matrix.ts";
import { gemm } from "../linalg/gemm.ts";
import { type CheckedCall, SELF_CHECK_CALLS } from "./self_check_calls.ts";

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
  const reference = createBackendSync({ prefer: ["reference"] });
  const rows: SelfCheckRow[] = [];
  try {
    for (const [verb, build] of Object.entries(SELF_CHECK_CALLS)) {
      const call = build(new Random(1));
      const expected = await outputsOf(reference, call);
      const actual = await outputsOf(backend, call);
      const error = verb === "eigh"
        ? eigenError(call.inputs[0], actual)
        : Math.max(...actual.map((output, i) => entryError(output, expected[i])));
      rows.push({
        verb: verb as keyof Verbs,
        error: error / backend.info.roundoff,
        allowed: call.allowed,
      });
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

async function outputsOf(backend: Backend, call: CheckedCall): Promise<DenseMatrix[]> {
  const owners: OwnedMatrix[] = [];
  const place = (x: DenseMatrix): Matrix => {
    const matrix = backend.alloc(x.rows, x.cols);
    owners.push(matrix);
    backend.write(matrix, x.data);
    return matrix;
  };
  try {
    const outputs = call.outputs.map(place);
    call.run(backend, outputs, call.inputs.map(place));
    const pending = outputs.map((output) => backend.read(output));
    const numbers = await Promise.all(pending);
    return outputs.map(({ rows, cols }, i) => denseMatrix(rows, cols, numbers[i]));
  } finally {
    for (const owner of owners) owner[Symbol.dispose]();
  }
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
