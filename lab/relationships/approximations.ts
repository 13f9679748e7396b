/**
 * The four approximations of a layer's Fisher block as dense matrices, from the library's own blocks.
 *
 * @module
 */

import type { Backend } from "@tekfac/tekfac/backend";
import type { KroneckerCapture, Matrix, Parameter } from "@tekfac/tekfac/core";
import {
  type Block,
  EkfacBlock,
  KfacBlock,
  TekfacBlock,
  TkfacBlock,
  toDense,
} from "@tekfac/tekfac/curvature";
import { type DenseMatrix, denseMatrix } from "@tekfac/tekfac/linalg";
import type { FactorPair } from "./factor_family.ts";

/** The approximations, in the order of the papers. */
export const fisherMethods = ["kfac", "ekfac", "tkfac", "tekfac"] as const;

/** Name of an approximation. */
export type FisherMethod = (typeof fisherMethods)[number];

/** What the blocks of one layer made of one batch. */
export interface Approximations {
  /** Each as a dense matrix, undamped, [dOut dIn', dOut dIn']. */
  readonly matrices: Readonly<Record<FisherMethod, DenseMatrix>>;
  /** TEKFAC with KFAC's factors in the place of its own. */
  readonly tekfacOfKfac: DenseMatrix;
  /** KFAC's factors. */
  readonly independent: FactorPair;
  /** TKFAC's delta. */
  readonly delta: number;
  /** PhiRaw, [dIn', dIn']. */
  readonly phiRaw: DenseMatrix;
  /** PsiRaw, [dOut, dOut]. */
  readonly psiRaw: DenseMatrix;
}

type CorrectedBlock = EkfacBlock | TekfacBlock;

/**
 * Lets a block of each kind observe one batch, without averaging. Must be called inside the scope in which
 * the capture was left.
 *
 * @throws {StateError} On a backend that is not synchronous.
 */
export function approximate(
  backend: Backend,
  parameter: Parameter,
  capture: KroneckerCapture,
): Approximations {
  const options = { damping: { kind: "absolute", lambda: 1 } } as const;
  const kfac = new KfacBlock(backend, parameter, options);
  const ekfac = new EkfacBlock(backend, parameter, options);
  const tkfac = new TkfacBlock(backend, parameter, options);
  const tekfac = new TekfacBlock(backend, parameter, options);
  const blocks = [kfac, ekfac, tkfac, tekfac];
  const mean = { decay: 0, scale: 1 / capture.examples };
  const denseForm = (block: Block) =>
    backend.scope(() => download(backend, toDense(backend, block)));
  const measure = (block: CorrectedBlock) => {
    backend.eigh(block.beginRefresh(0, false));
    block.finishRefresh(0);
    block.observeEigenvalues(capture, mean);
    return denseForm(block);
  };
  try {
    for (const block of blocks) block.observeStatistics(capture, mean);
    const delta = backend.readSync(tkfac.delta)[0];
    const matrices = {
      kfac: denseForm(kfac),
      ekfac: measure(ekfac),
      tkfac: denseForm(tkfac),
      tekfac: measure(tekfac),
    };
    const [output, input] = [kfac.outputFactor, kfac.inputFactor].map((factor) =>
      download(backend, factor)
    );
    const [phiRaw, psiRaw] = [tekfac.inputFactor, tekfac.outputFactor].map((factor) =>
      download(backend, factor)
    );
    backend.axpby(tekfac.inputFactor, 1, kfac.inputFactor, 0);
    backend.axpby(tekfac.outputFactor, 1, kfac.outputFactor, 0);
    const tekfacOfKfac = measure(tekfac);
    return { matrices, tekfacOfKfac, independent: { output, input }, delta, phiRaw, psiRaw };
  } finally {
    for (const block of blocks) block[Symbol.dispose]();
  }
}

function download(backend: Backend, matrix: Matrix): DenseMatrix {
  return denseMatrix(matrix.rows, matrix.cols, backend.readSync(matrix));
}
