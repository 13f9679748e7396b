/**
 * The fastest multiply-add loop of a build: what the benches call the peak.
 *
 * @module
 */

import { kernelBinary, type SimdFlavour } from "@tekfac/tekfac/backend";

interface PeakExports {
  readonly multiplyAdds: (steps: number, x: number, y: number) => number;
  readonly PEAK_OPERATIONS: WebAssembly.Global;
}

/** Measures operations per second on registers alone, one thread, in GFLOP/s. */
export function createPeak(simd: SimdFlavour): () => number {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(kernelBinary(simd)));
  const { multiplyAdds, PEAK_OPERATIONS } = instance.exports as unknown as PeakExports;
  const steps = 200_000;
  const measure = (): number => {
    const start = performance.now();
    multiplyAdds(steps, 0.5, 0.25);
    return steps * PEAK_OPERATIONS.value / (performance.now() - start) / 1e6;
  };
  for (let i = 0; i < 20; i++) measure();
  return measure;
}
