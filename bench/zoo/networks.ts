/**
 * Networks on images that are more than the library's ready-made ones.
 *
 * @module
 */

import { averagePool2d, conv2d, dense, flatten, type LayerSpec, relu } from "@tekfac/tekfac";
import { heNormal, lecunNormal } from "@tekfac/tekfac/nn";

/** Three 3 x 3 convolutions for images of 32 x 32: strides 2, 2, 1, channels 32, 64, 64; a mean over 2 x 2. */
export function smallConvolutions(): LayerSpec[] {
  const convolution = (channels: number, stride: number): LayerSpec[] => [
    conv2d(channels, { kernel: 3, padding: 1, stride, init: heNormal }),
    relu(),
  ];
  return [
    ...[...convolution(32, 2), ...convolution(64, 2), ...convolution(64, 1)],
    ...[averagePool2d({ kernel: 2 }), flatten(), dense(10, { init: lecunNormal })],
  ];
}
