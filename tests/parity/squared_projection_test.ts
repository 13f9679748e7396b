import { type ConvGeometry, locationsOf, patchLength } from "@tekfac/tekfac/core";
import {
  describeGeometry,
  edgeSizes,
  randomGeometry,
  randomOrthogonal,
} from "@tekfac/tekfac/testing";
import { inputs, parity, rounded, ROUNDOFF, unread } from "./_parity.ts";

parity("squaredProjection() of a dense layer agrees with its definition", (check, random) => {
  for (const dOut of edgeSizes(6)) {
    for (const dIn of edgeSizes(8)) {
      for (const examples of [0, 1, 7]) {
        for (const decay of [0, 0.5]) {
          const basis = [
            rounded(randomOrthogonal(random, dOut)),
            rounded(randomOrthogonal(random, dIn)),
          ];
          check({
            label: `${examples} of ${dOut}x${dIn} decay ${decay}`,
            outputs: [decay === 0 ? unread(dOut, dIn) : inputs(random, dOut, dIn)],
            inputs: [inputs(random, examples, dOut), inputs(random, examples, dIn), ...basis],
            call: (backend, [theta], [outputGradients, inputs, output, input]) => {
              const capture = { kind: "dense", examples, inputs, outputGradients } as const;
              backend.squaredProjection(theta, capture, { output, input }, { decay, scale: 0.5 });
            },
            absolute: 8 * ROUNDOFF,
            relative: 8 * ROUNDOFF * (dOut + dIn + examples),
          });
        }
      }
    }
  }
});

parity("squaredProjection() without a basis sums squares of the gradients", (check, random) => {
  check({
    label: "5 of 7x9",
    outputs: [unread(7, 9)],
    inputs: [inputs(random, 5, 7), inputs(random, 5, 9)],
    call: (backend, [theta], [outputGradients, inputs]) => {
      backend.squaredProjection(theta, { kind: "dense", examples: 5, inputs, outputGradients });
    },
    relative: 16 * ROUNDOFF,
  });
});

parity("squaredProjection() of a convolution agrees with its definition", (check, random) => {
  const plain: ConvGeometry = {
    channels: 2,
    height: 6,
    width: 6,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    dilation: [1, 1],
    bias: true,
  };
  // Few locations, more than outputs, more than inputs: each side rotates captures or gradients.
  const cases: [ConvGeometry, number][] = [
    [{ ...plain, stride: [3, 3] }, 7],
    [{ ...plain, kernel: [5, 5] }, 3],
    [plain, 5],
    [{ ...plain, channels: 1, kernel: [1, 1], padding: [0, 0] }, 40],
    ...Array.from({ length: 12 }, (): [ConvGeometry, number] => [
      randomGeometry(random),
      1 + random.integer(12),
    ]),
  ];
  for (const [geometry, dOut] of cases) {
    const [T, dIn] = [locationsOf(geometry), patchLength(geometry)];
    for (const [examples, decay] of [[0, 0], [1, 0], [5, 0.5]]) {
      for (const rotated of [true, false]) {
        const basis = rotated
          ? [rounded(randomOrthogonal(random, dOut)), rounded(randomOrthogonal(random, dIn))]
          : [];
        const pixels = geometry.height * geometry.width;
        check({
          label: `${examples} of ${describeGeometry(geometry)} to ${dOut}, decay ${decay}`,
          outputs: [decay === 0 ? unread(dOut, dIn) : inputs(random, dOut, dIn)],
          inputs: [
            inputs(random, examples * T, dOut),
            inputs(random, examples * pixels, geometry.channels),
            ...basis,
          ],
          call: (backend, [theta], [outputGradients, images, output, input]) => {
            const capture = {
              kind: "conv2d",
              examples,
              geometry,
              images,
              outputGradients,
            } as const;
            const basis = output && { output, input };
            backend.squaredProjection(theta, capture, basis, { decay, scale: 0.5 });
          },
          // Squares of sums over locations and both bases, of size T.
          absolute: 4 * ROUNDOFF * T * (T + dIn + dOut),
          relative: 4 * ROUNDOFF * (T + dIn + dOut),
        });
      }
    }
  }
});

parity("squaredProjection() of many examples goes by chunks", (check, random) => {
  const geometry: ConvGeometry = {
    channels: 32,
    height: 4,
    width: 4,
    kernel: [3, 3],
    stride: [1, 1],
    padding: [1, 1],
    dilation: [1, 1],
    bias: false,
  };
  check({
    label: "40 examples",
    outputs: [inputs(random, 64, 288)],
    inputs: [inputs(random, 40 * 16, 64), inputs(random, 40 * 16, 32)],
    call: (backend, [theta], [outputGradients, images]) => {
      const capture = { kind: "conv2d", examples: 40, geometry, images, outputGradients } as const;
      backend.squaredProjection(theta, capture, undefined, { decay: 0.25, scale: 0.5 });
    },
    absolute: 1e-5 * 16,
    relative: 1e-5,
  });
});
