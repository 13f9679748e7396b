/**
 * The loss as a measure of how far there is to go.
 *
 * @module
 */

import { type Expression, greater, select } from "../core/formula.ts";

/** A loss that is not positive is that of a density, whose unit is the nat. */
const NAT = 1;

/** The loss where it is positive, else one nat. */
export function lossOrNat(loss: Expression<"number">): Expression<"number"> {
  return select(greater(loss, 0), loss, NAT);
}
