/**
 * Finding a GPU: the adapter, what it can do, and why it was refused.
 *
 * @module
 */

import { BackendError } from "../../../core/errors.ts";
import type { GpuOptions } from "./gpu_options.ts";

/** Options of the WebGPU backend. */
export interface WebGpuOptions {
  /** Whether an adapter that computes on the CPU (llvmpipe, SwiftShader) will do. @default {false} */
  readonly allowSoftware?: boolean;
  /** A device to share with other code; it is not destroyed at the end. @default {a new device} */
  readonly device?: GPUDevice;
  /** How it computes. @default {{}} */
  readonly gpu?: GpuOptions;
  /** Threads of WebAssembly, where eigenproblems are solved on the host. @default {1} */
  readonly threads?: number | "auto";
}

/** A device and what is known of it. */
export interface OpenDevice {
  /** The device. */
  readonly device: GPUDevice;
  /** Name of the adapter, `"NVIDIA H200"`. */
  readonly adapter: string;
  /** Whether the adapter computes on the CPU. */
  readonly software: boolean;
  /** Whether the backend has made the device, and destroys it. */
  readonly owned: boolean;
  /** Whether kernels may use subgroups. */
  readonly subgroups: boolean;
  /** How it is to compute. */
  readonly gpu: GpuOptions;
  /** Threads of WebAssembly. */
  readonly threads: number | "auto";
}

/** Names by which software adapters are known where `isFallbackAdapter` does not tell. */
const SOFTWARE = /llvmpipe|lavapipe|swiftshader|softpipe|basic render/i;

/** Limits worth having above the default; asking for more than the adapter has would be refused. */
const WANTED_LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxComputeWorkgroupStorageSize",
] as const;

/** Features that are used where they exist. */
const WANTED_FEATURES: readonly GPUFeatureName[] = ["timestamp-query", "subgroups"];

/** The least program that uses subgroups. */
const SUBGROUPS = `enable subgroups;
@compute @workgroup_size(1) fn main() { _ = subgroupAdd(1u); }`;

/** What this host calls its adapter. */
export function nameOf({ description, device, architecture, vendor }: GPUAdapterInfo): string {
  return description || device || [vendor, architecture].filter(Boolean).join(" ") || "unnamed GPU";
}

/** Whether an adapter computes on the CPU. */
function isSoftware(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || SOFTWARE.test(nameOf(info));
}

/**
 * The best adapter of this host.
 *
 * @throws {BackendError} When there is none, or only one in software and that is not allowed.
 */
export async function findAdapter({ allowSoftware = false }: WebGpuOptions): Promise<GPUAdapter> {
  const gpu = globalThis.navigator?.gpu as GPU | undefined;
  if (gpu === undefined) throw new BackendError("webgpu", "this host has no WebGPU");
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) throw new BackendError("webgpu", "no adapter");
  const name = nameOf(adapter.info);
  if (isSoftware(adapter.info) && !allowSoftware) {
    throw new BackendError("webgpu", `software adapter ${name}: pass allowSoftware to use it`);
  }
  return adapter;
}

/**
 * Opens a device on the best adapter, or takes the one that is given.
 *
 * @throws {BackendError} As {@linkcode findAdapter}, or when the host refuses a device.
 */
export async function openDevice(options: WebGpuOptions): Promise<OpenDevice> {
  const { device, gpu = {}, threads = 1 } = options;
  const opened = async (
    device: GPUDevice,
    info: GPUAdapterInfo,
    owned: boolean,
  ): Promise<OpenDevice> => {
    const subgroups = gpu.subgroups !== "off" && await hasSubgroups(device);
    const [name, software] = [nameOf(info), isSoftware(info)];
    return { device, adapter: name, software, owned, subgroups, gpu, threads };
  };
  if (device !== undefined) return await opened(device, device.adapterInfo, false);
  const adapter = await findAdapter(options);
  const requiredLimits: Record<string, number> = {};
  for (const limit of WANTED_LIMITS) requiredLimits[limit] = adapter.limits[limit];
  const requiredFeatures = WANTED_FEATURES.filter((feature) => adapter.features.has(feature));
  try {
    const device = await adapter.requestDevice({ requiredLimits, requiredFeatures });
    return await opened(device, adapter.info, true);
  } catch (error) {
    const reason = `the adapter ${nameOf(adapter.info)} gives no device: ${messageOf(error)}`;
    throw new BackendError("webgpu", reason, { cause: error });
  }
}

/** Whether a device has subgroups and compiles what uses them: naga does not know `enable subgroups`. */
async function hasSubgroups(device: GPUDevice): Promise<boolean> {
  if (!device.features.has("subgroups")) return false;
  device.pushErrorScope("validation");
  device.createShaderModule({ label: "subgroups", code: SUBGROUPS });
  return await device.popErrorScope() === null;
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
