/**
 * The sizes behind a record of `asm/window.ts`.
 *
 * @module
 */

/** Number of int32 in a record. */
const LENGTH = 12;

/** What the parallel kernels need to know of a window. */
export interface WindowSizes {
  /** h w, pixels of an image. */
  readonly pixels: number;
  /** T, locations of an image. */
  readonly locations: number;
  /** dIn', length of a patch with the homogeneous coordinate, if there is one. */
  readonly depth: number;
  /** Pixels of a window. */
  readonly taps: number;
}

/** Reads the record at an address. */
export function readWindow(memory: WebAssembly.Memory, address: number): WindowSizes {
  // deno-fmt-ignore
  const [
    channels, height, width, kernelY, kernelX, strideY, strideX, paddingY, paddingX,
    dilationY, dilationX, bias,
  ] = new Int32Array(memory.buffer, address, LENGTH);
  const outputs = (size: number, k: number, stride: number, padding: number, dilation: number) =>
    Math.trunc((size + 2 * padding - dilation * (k - 1) - 1) / stride) + 1;
  return {
    pixels: height * width,
    locations: outputs(height, kernelY, strideY, paddingY, dilationY) *
      outputs(width, kernelX, strideX, paddingX, dilationX),
    depth: kernelY * kernelX * channels + bias,
    taps: kernelY * kernelX,
  };
}
