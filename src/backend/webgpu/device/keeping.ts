/**
 * Copies of storage that may have to come back.
 *
 * @module
 */

import type { Matrix } from "../../../core/matrix.ts";
import type { Keeping } from "../../kernels.ts";
import { keep } from "./_kernels.gen.ts";
import { SLOT_BYTES } from "./command_stream.ts";
import { elementGrid, type Machine } from "./machine.ts";
import { BYTES, type GpuStorage } from "./storage.ts";

/** Copies on one machine. Kernels make them: a copy of the encoder's own would end its pass. */
export function createKeeping(machine: Machine): Keeping {
  // What a kernel is given begins at a multiple of a slot.
  const most = Math.floor(machine.bindingBytes / SLOT_BYTES - 1) * SLOT_BYTES / BYTES;
  return {
    allocate: (length) => machine.allocate(length),
    copy(to, from, flag) {
      const { length } = to;
      for (let offset = 0; offset < length; offset += most) {
        const cols = Math.min(most, length - offset);
        const part = (storage: GpuStorage): Matrix => {
          return { storage, offset, rows: 1, cols, stride: cols };
        };
        const operands = { out: part(to as GpuStorage), x: part(from as GpuStorage), flag };
        machine.run(keep, operands, { rows: 1, cols }, elementGrid(cols));
      }
    },
  };
}
