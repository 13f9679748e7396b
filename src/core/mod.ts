/**
 * The vocabulary shared by all layers of the library: matrices, geometry, parameters, captures,
 * schedules, seeded random numbers and errors. Depends on nothing.
 *
 * @module
 */

export * from "./capture.ts";
export { digestOf } from "./digest.ts";
export { isAway } from "./away.ts";
export * from "./errors.ts";
export {
  type ConvGeometry,
  groupGeometry,
  locationsOf,
  outHeight,
  outWidth,
  type Pair,
  patchLength,
  patchOrder,
  resolveWindow,
  type SlidingWindow,
} from "./geometry.ts";
export { columnsOfGroup, groupCapture, rowsOfGroup } from "./groups.ts";
export { type Markable, markAll } from "./marks.ts";
export * from "./matrix.ts";
export * from "./parameter.ts";
export * from "./random.ts";
export * from "./schedule.ts";
