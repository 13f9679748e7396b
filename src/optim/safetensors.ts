/**
 * The format of checkpoints, for who reads them by themselves.
 *
 * @module
 */

export {
  decodeSafetensors,
  encodeSafetensors,
  type NamedArray,
  type SafetensorsFile,
} from "../core/safetensors.ts";
