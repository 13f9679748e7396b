/**
 * How results accumulate.
 *
 * @module
 */

/** How a new observation enters an accumulated quantity: `out = decay * out + scale * new`. */
export interface Blend {
  /** Weight of what `out` held; 0 means that it is not read. @default {0} */
  readonly decay?: number;
  /** Weight of the new value. @default {1} */
  readonly scale?: number;
}
