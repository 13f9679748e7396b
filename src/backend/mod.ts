/**
 * Memory and mathematical verbs on a machine: the seam between what is computed and where.
 *
 * @experimental Verbs may be added or change between minor versions; `createBackend` and `Backend` as the
 * root exports them stay.
 *
 * @module
 */

export * from "./backend.ts";
export * from "./checked/checked.ts";
export * from "./checked/checked_memory.ts";
export { type Address, type ExtensionHost, type VerbExtension } from "./extension.ts";
export { type ConvolutionVerbs } from "./groupwise.ts";
export { KERNEL_TABLE, type KernelRow, type Operand } from "./kernel_table.ts";
export { batchNormVerbs } from "./wasm/batch_norm/extension.ts";
export { depthwiseVerbs } from "./wasm/depthwise/extension.ts";
export { densityLossVerbs } from "./wasm/density_losses/extension.ts";
export { sequenceVerbs } from "./wasm/sequences/extension.ts";
export type { Factor, Sizes, SymbolicShape } from "./symbolic_shape.ts";
export * from "./kernels.ts";
export * from "./reference/kernels.ts";
export { bytesOf, flopsOf } from "./work.ts";
export { type BackendName, type BackendOptions } from "./choice/options.ts";
export * from "./recovery/recoverable_kernels.ts";
export * from "./recovery.ts";
export { type Reopen } from "./recovery/succession.ts";
export * from "./choice/select.ts";
export * from "./choice/select_sync.ts";
export { type ProbedStep, type StepProbe, TimingCache } from "./choice/step_timing.ts";
export { kernelBinary } from "./wasm/module/binary.ts";
export type { InstantiateOptions } from "./wasm/module/instantiate.ts";
export { probeSimd, type SimdFlavour } from "./wasm/module/probe.ts";
export type { ThreadOptions } from "./wasm/threads/threaded_instance.ts";
export { createThreadedKernels, type WasmOptions } from "./wasm/threads/threaded_kernels.ts";
export { createWasmKernels } from "./wasm/wasm_kernels.ts";
export { type GpuOptions, TuningCache, type TuningKind } from "./webgpu/device/gpu_options.ts";
export type { TileKind } from "./webgpu/device/tiles.ts";
