/**
 * All rows, the cheap ones first.
 *
 * @module
 */

import type { ZooRow } from "./row.ts";
import { deepRows } from "./rows/deep.ts";
import { regressionRows } from "./rows/regression.ts";
import { unitRows } from "./rows/units.ts";

/** The zoo. */
export const ROWS: readonly ZooRow[] = [...deepRows, ...unitRows, ...regressionRows];
