/**
 * All rows, the cheap ones first.
 *
 * @module
 */

import type { ZooRow } from "./row.ts";
import { deepRows } from "./rows/deep.ts";
import { hostileRows } from "./rows/hostile.ts";
import { imbalancedRows } from "./rows/imbalanced.ts";
import { likelihoodRows } from "./rows/likelihood.ts";
import { outlierRows } from "./rows/outliers.ts";
import { pictureRows } from "./rows/pictures.ts";
import { regressionRows } from "./rows/regression.ts";
import { unitRows } from "./rows/units.ts";

/** The zoo. */
export const ROWS: readonly ZooRow[] = [
  ...[...deepRows, ...unitRows, ...outlierRows, ...hostileRows, ...imbalancedRows],
  ...[...likelihoodRows, ...regressionRows, ...pictureRows],
];
