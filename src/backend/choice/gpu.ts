/**
 * What only programs load that ask for a GPU or have a step timed, besides the kernels of a GPU. All of it is in
 * one place, since packers cut what it shares with other programs into as many pieces as there are places.
 *
 * @module
 */

import { OptionError } from "../../core/errors.ts";
import { checkGpuOptions } from "../webgpu/device/gpu_options.ts";
import { type BackendOptions, SUBJECT } from "./options.ts";
import { TimingCache } from "./step_timing.ts";

export { createRecoverableKernels } from "../recovery/recoverable_kernels.ts";
export { openDevice } from "../webgpu/device/adapter.ts";
export { fastestOf } from "./fastest.ts";

/**
 * Checks the values of options that only such programs set.
 *
 * @throws {OptionError} On values outside their range.
 */
export function checkGpuPrograms({ timings, gpu }: BackendOptions): void {
  if (timings !== undefined && !(timings instanceof TimingCache)) {
    throw new OptionError(SUBJECT, "timings", "must be a TimingCache", timings);
  }
  if (gpu !== undefined) checkGpuOptions(SUBJECT, gpu);
}
