import { locationsOf, patchLength } from "@tekfac/tekfac/core";
import { describeGeometry } from "@tekfac/tekfac/testing";
import { EXAMPLES, geometries } from "./_geometries.ts";
import { inputs, parity, ROUNDOFF, unread } from "./_parity.ts";

/** Number of outputs of a layer: one, odd, a whole panel, and one more. */
const OUTPUTS = [1, 5, 8, 9];

/** A sum of n products of normal numbers, none above 25, summed one by one. */
const sumError = (n: number): number => 4 * ROUNDOFF * (n + 4) * Math.sqrt(n + 1);

parity("conv2d() equals the definition for every geometry", (check, random) => {
  geometries(random).forEach((geometry, i) => {
    const examples = EXAMPLES[i % EXAMPLES.length];
    const outputs = OUTPUTS[i % OUTPUTS.length];
    const depth = patchLength(geometry);
    check({
      label: `${describeGeometry(geometry)} outputs ${outputs} examples ${examples}`,
      outputs: [unread(examples * locationsOf(geometry), outputs)],
      inputs: [
        inputs(random, examples * geometry.height * geometry.width, geometry.channels),
        inputs(random, outputs, depth),
      ],
      call: (backend, [out], [images, weights]) => backend.conv2d(out, images, weights, geometry),
      absolute: sumError(depth),
    });
  });
});

parity("conv2dDataGradient() equals the definition for every geometry", (check, random) => {
  geometries(random).forEach((geometry, i) => {
    const examples = EXAMPLES[i % EXAMPLES.length];
    const outputs = OUTPUTS[i % OUTPUTS.length];
    const taps = geometry.kernel[0] * geometry.kernel[1];
    check({
      label: `${describeGeometry(geometry)} outputs ${outputs} examples ${examples}`,
      outputs: [unread(examples * geometry.height * geometry.width, geometry.channels)],
      inputs: [
        inputs(random, examples * locationsOf(geometry), outputs),
        inputs(random, outputs, patchLength(geometry)),
      ],
      call: (backend, [out], [g, weights]) => backend.conv2dDataGradient(out, g, weights, geometry),
      absolute: sumError(taps * outputs),
    });
  });
});

parity("conv2dWeightGradient() equals the definition for every geometry", (check, random) => {
  geometries(random).forEach((geometry, i) => {
    const examples = EXAMPLES[i % EXAMPLES.length];
    const outputs = OUTPUTS[i % OUTPUTS.length];
    const decay = i % 3 === 0 ? 0.5 : 0;
    const rows = examples * locationsOf(geometry);
    const shape = [outputs, patchLength(geometry)] as const;
    check({
      label: `${describeGeometry(geometry)} outputs ${outputs} examples ${examples}`,
      outputs: [decay === 0 ? unread(...shape) : inputs(random, ...shape)],
      inputs: [
        inputs(random, examples * geometry.height * geometry.width, geometry.channels),
        inputs(random, rows, outputs),
      ],
      call: (backend, [out], [images, g]) =>
        backend.conv2dWeightGradient(out, images, g, geometry, { decay, scale: 0.25 }),
      absolute: sumError(rows),
    });
  });
});

parity(
  "conv2dWeightGradient() of windows of one pixel equals the definition, however wide",
  (check, random) => {
    for (const bias of [true, false]) {
      for (
        const [channels, outputs, examples, height] of [[130, 70, 3, 64], [1, 1, 2, 5], [
          17,
          33,
          1,
          1,
        ]]
      ) {
        const one = { kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1] } as const;
        const geometry = { channels, height, width: 1, ...one, bias };
        const rows = examples * height;
        const shape = [outputs, patchLength(geometry)] as const;
        for (const decay of [0, 0.5]) {
          check({
            label: `channels ${channels} outputs ${outputs} examples ${examples} bias ${bias}`,
            outputs: [decay === 0 ? unread(...shape) : inputs(random, ...shape)],
            inputs: [inputs(random, rows, channels), inputs(random, rows, outputs)],
            call: (backend, [out], [images, g]) =>
              backend.conv2dWeightGradient(out, images, g, geometry, { decay, scale: 0.25 }),
            absolute: sumError(rows),
          });
        }
      }
    }
  },
);

parity("conv2d() and its gradients agree where images span many blocks", (check, random) => {
  const geometry = {
    channels: 4,
    height: 20,
    width: 21,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    dilation: [1, 1],
    bias: true,
  } as const;
  const [examples, outputs, rows] = [5, 12, 5 * 20 * 21];
  const images = inputs(random, rows, 4);
  const weights = inputs(random, outputs, 37);
  const g = inputs(random, rows, outputs);
  check({
    label: "forward",
    outputs: [unread(rows, outputs)],
    inputs: [images, weights],
    call: (backend, [out], [x, w]) => backend.conv2d(out, x, w, geometry),
    absolute: sumError(37),
  });
  check({
    label: "data gradient",
    outputs: [unread(rows, 4)],
    inputs: [g, weights],
    call: (backend, [out], [x, w]) => backend.conv2dDataGradient(out, x, w, geometry),
    absolute: sumError(9 * outputs),
  });
  check({
    label: `weight gradient of ${examples} images`,
    outputs: [unread(outputs, 37)],
    inputs: [images, g],
    call: (backend, [out], [x, y]) => backend.conv2dWeightGradient(out, x, y, geometry),
    absolute: sumError(rows),
  });
});

parity("conv2d() and its gradients equal the definition with groups", (check, random) => {
  const shapes = [
    // Groups, channels and outputs of each: depthwise, with more outputs, and several channels.
    [1, 1, 1],
    [3, 1, 1],
    [8, 1, 1],
    [21, 1, 1],
    [5, 1, 3],
    [4, 1, 8],
    [2, 3, 5],
    [3, 8, 2],
  ];
  geometries(random).forEach((plain, i) => {
    const [groups, channels, each] = shapes[i % shapes.length];
    const geometry = { ...plain, channels: groups * channels, groups };
    const examples = EXAMPLES[i % EXAMPLES.length];
    const outputs = groups * each;
    const rows = examples * locationsOf(geometry);
    const depth = patchLength(geometry);
    const images = inputs(random, examples * geometry.height * geometry.width, geometry.channels);
    const weights = inputs(random, outputs, depth);
    const g = inputs(random, rows, outputs);
    const label = `${
      describeGeometry(geometry)
    } groups ${groups} outputs ${outputs} of ${examples}`;
    check({
      label: `forward ${label}`,
      outputs: [unread(rows, outputs)],
      inputs: [images, weights],
      call: (backend, [out], [x, w]) => backend.conv2d(out, x, w, geometry),
      absolute: sumError(depth),
    });
    check({
      label: `data gradient ${label}`,
      outputs: [unread(images.rows, images.cols)],
      inputs: [g, weights],
      call: (backend, [out], [x, w]) => backend.conv2dDataGradient(out, x, w, geometry),
      absolute: sumError(depth * each),
    });
    const decay = i % 3 === 0 ? 0.5 : 0;
    check({
      label: `weight gradient ${label}`,
      outputs: [decay === 0 ? unread(outputs, depth) : inputs(random, outputs, depth)],
      inputs: [images, g],
      call: (backend, [out], [x, y]) =>
        backend.conv2dWeightGradient(out, x, y, geometry, { decay, scale: 0.25 }),
      absolute: sumError(rows),
    });
  });
});
