/**
 * Convolutions with groups from convolutions without.
 *
 * @module
 */

import { type ConvGeometry, groupGeometry } from "../core/geometry.ts";
import { columnsOfGroup, rowsOfGroup } from "../core/groups.ts";
import type { Matrix } from "../core/matrix.ts";
import type { Verbs } from "./verbs.ts";

/** A convolution and its gradients. */
export type ConvolutionVerbs = Pick<
  Verbs,
  "conv2d" | "conv2dDataGradient" | "conv2dWeightGradient"
>;

/** The same verbs, which take groups one by one: views of columns and rows cost nothing. */
export function groupwise(verbs: ConvolutionVerbs): ConvolutionVerbs {
  return {
    conv2d(out, images, weights, geometry) {
      forEachGroup(geometry, (one, columns, rows) => {
        verbs.conv2d(columns(out), columns(images), rows(weights), one);
      });
    },

    conv2dDataGradient(out, g, weights, geometry) {
      forEachGroup(geometry, (one, columns, rows) => {
        verbs.conv2dDataGradient(columns(out), columns(g), rows(weights), one);
      });
    },

    conv2dWeightGradient(out, images, g, geometry, blend) {
      forEachGroup(geometry, (one, columns, rows) => {
        verbs.conv2dWeightGradient(rows(out), columns(images), columns(g), one, blend);
      });
    },
  };
}

type View = (m: Matrix) => Matrix;

function forEachGroup(
  geometry: ConvGeometry,
  body: (one: ConvGeometry, columns: View, rows: View) => void,
): void {
  const { groups = 1 } = geometry;
  if (groups === 1) return body(geometry, (m) => m, (m) => m);
  const one = groupGeometry(geometry);
  for (let group = 0; group < groups; group++) {
    body(one, (m) => columnsOfGroup(m, groups, group), (m) => rowsOfGroup(m, groups, group));
  }
}
