/**
 * The adapter that is measured, and waiting for it.
 *
 * @module
 */

/** A device of the bench's own, shared by the backend and the peak's kernel. */
export interface BenchDevice {
  /** The device. */
  readonly device: GPUDevice;
  /** `"NVIDIA H200"`. */
  readonly name: string;
  /** Whether it computes on the CPU: figures then tell of regressions, not of speed. */
  readonly software: boolean;
}

/** Opens the best adapter of this host with the limits that large matrices need. */
export async function openBenchDevice(): Promise<BenchDevice> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("there is no GPU adapter, not even one in software");
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } =
    adapter.limits;
  const features: GPUFeatureName[] = ["timestamp-query", "shader-f16"];
  const device = await adapter.requestDevice({
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize },
    requiredFeatures: features.filter((feature) => adapter.features.has(feature)),
  });
  const { description, vendor, architecture, isFallbackAdapter } = adapter.info;
  return { device, name: description || `${vendor} ${architecture}`, software: isFallbackAdapter };
}

/** Work that is enqueued and waited for later. */
export interface Enqueued {
  /** Enqueues it once. */
  readonly run: () => void;
  /** Resolves when all that was enqueued is done. */
  readonly wait: () => Promise<unknown>;
}

/**
 * Milliseconds per run when many are enqueued and waited for once, as a training step does it. A wait
 * alone may cost 11 ms, so runs are added until they take `leastMs` together.
 */
export async function timeEnqueued({ run, wait }: Enqueued, leastMs: number): Promise<number> {
  for (let runs = 1;; runs *= 2) {
    const start = performance.now();
    for (let i = 0; i < runs; i++) run();
    await wait();
    const time = performance.now() - start;
    if (time >= leastMs) return time / runs;
  }
}
