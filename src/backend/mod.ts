/**
 * Memory and mathematical verbs on a machine: the seam between what is computed and where.
 *
 * @module
 */

export * from "./backend.ts";
export * from "./call_check.ts";
export * from "./checked.ts";
export * from "./checked_memory.ts";
export * from "./kernel_table.ts";
export * from "./kernels.ts";
export * from "./reference/kernels.ts";
