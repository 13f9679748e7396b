/**
 * The eight optimizers by name, for programs in which a user chooses one.
 *
 * @module
 */

import { adam, type AdamOptions } from "./adam.ts";
import { ekfac, type EkfacOptions } from "./ekfac.ts";
import { kfac, type KfacOptions } from "./kfac.ts";
import { muon, type MuonOptions } from "./muon.ts";
import type { Objective } from "./objective.ts";
import type { Optimizer } from "./optimizer.ts";
import { sgd, type SgdOptions } from "./sgd.ts";
import { soap, type SoapOptions } from "./soap.ts";
import { tekfac, type TekfacOptions } from "./tekfac.ts";
import { tkfac, type TkfacOptions } from "./tkfac.ts";

/** Options of each optimizer. */
export interface OptimizerSettings {
  /** Of `sgd`. */
  readonly sgd: SgdOptions;
  /** Of `adam`. */
  readonly adam: AdamOptions;
  /** Of `muon`. */
  readonly muon: MuonOptions;
  /** Of `soap`. */
  readonly soap: SoapOptions;
  /** Of `kfac`. */
  readonly kfac: KfacOptions;
  /** Of `ekfac`. */
  readonly ekfac: EkfacOptions;
  /** Of `tkfac`. */
  readonly tkfac: TkfacOptions;
  /** Of `tekfac`. */
  readonly tekfac: TekfacOptions;
}

/** The name of an optimizer: what its function is called. */
export type OptimizerName = keyof OptimizerSettings;

/** One function for each name; see {@linkcode optimizers}. */
export type Optimizers = {
  readonly [Name in OptimizerName]: <B>(
    objective: Objective<B>,
    options?: OptimizerSettings[Name],
  ) => Optimizer<B>;
};

/**
 * All optimizers by name. A name that is only known when the program runs takes options that every
 * optimizer has, or those of one table of {@linkcode OptimizerSettings}.
 *
 * @example The one that a user has named
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend, dense, objective, optimizers, sequential, squaredError } from "@tekfac/tekfac";
 *
 * const name = ["sgd", "adam", "muon", "soap", "kfac", "ekfac", "tkfac", "tekfac"]
 *   .find((name) => name === "kfac") as keyof typeof optimizers;
 * using backend = await createBackend();
 * using model = sequential(backend, { input: [2], layers: [dense(1)], seed: 1 });
 * using optimizer = optimizers[name](objective(model, squaredError()), { seed: 1 });
 * assert.match(optimizer.describe(), /kfac/);
 * ```
 */
export const optimizers: Optimizers = { sgd, adam, muon, soap, kfac, ekfac, tkfac, tekfac };
