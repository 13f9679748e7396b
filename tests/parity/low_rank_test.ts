import { type ConvGeometry, locationsOf, patchLength, type Random } from "@tekfac/tekfac/core";
import {
  type DenseMatrix,
  denseMatrix,
  gemm,
  lowRankEigenvalues,
  mapMatrix,
  projectedMoments,
} from "@tekfac/tekfac/linalg";
import {
  describeGeometry,
  randomGeometry,
  randomMatrix,
  randomOrthogonal,
} from "@tekfac/tekfac/testing";
import { inputs, parity, rounded, ROUNDOFF, unread } from "./_parity.ts";

/** The first k rows of a random orthogonal matrix. */
function directions(random: Random, k: number, d: number): DenseMatrix {
  return denseMatrix(k, d, rounded(randomOrthogonal(random, d)).data.slice(0, k * d));
}

/** Sizes with ranks of one, of whole tiles and next to them, and of the whole side. */
const RANKS: readonly (readonly [k: number, d: number])[] = [
  [1, 1],
  [1, 9],
  [5, 5],
  [3, 17],
  [8, 24],
  [33, 70],
];

parity("projectedMoments() of a dense layer agrees with its definition", (check, random) => {
  for (const [kOut, dOut] of RANKS) {
    for (const [kIn, dIn] of RANKS) {
      for (const examples of [0, 1, 7]) {
        for (const decay of [0, 0.5]) {
          const before = inputs(random, kOut + 1, kIn + 1);
          check({
            label: `${examples} of ${kOut} of ${dOut} x ${kIn} of ${dIn} decay ${decay}`,
            outputs: [decay === 0 ? unread(kOut + 1, kIn + 1) : before],
            inputs: [
              inputs(random, examples, dOut),
              inputs(random, examples, dIn),
              directions(random, kOut, dOut),
              directions(random, kIn, dIn),
            ],
            call: (backend, [moments], [outputGradients, inputs, output, input]) => {
              const capture = { kind: "dense", examples, inputs, outputGradients } as const;
              backend.projectedMoments(moments, capture, { output, input }, { decay, scale: 0.5 });
            },
            absolute: 8 * ROUNDOFF,
            relative: 8 * ROUNDOFF * (dOut + dIn + examples),
          });
        }
      }
    }
  }
});

parity("projectedMoments() of a convolution agrees with its definition", (check, random) => {
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
  // Several locations and one, few outputs and many, wide patches and narrow ones.
  const cases: [ConvGeometry, dOut: number, kOut: number, kIn: number][] = [
    [plain, 5, 2, 3],
    [plain, 5, 5, 19],
    [{ ...plain, stride: [2, 3] }, 7, 1, 1],
    [{ ...plain, kernel: [6, 6], padding: [0, 0] }, 3, 3, 8],
    [{ ...plain, channels: 9, height: 2, width: 2 }, 40, 8, 16],
    [{ ...plain, channels: 1, kernel: [1, 1], padding: [0, 0] }, 9, 4, 2],
    ...Array.from({ length: 10 }, (): [ConvGeometry, number, number, number] => {
      const [geometry, dOut] = [randomGeometry(random), 1 + random.integer(12)];
      const patch = patchLength(geometry);
      return [geometry, dOut, 1 + random.integer(dOut), 1 + random.integer(patch)];
    }),
  ];
  for (const [geometry, dOut, kOut, kIn] of cases) {
    const [T, dIn] = [locationsOf(geometry), patchLength(geometry)];
    const pixels = geometry.height * geometry.width;
    for (const [examples, decay] of [[0, 0], [0, 0.5], [1, 0], [5, 0.5]]) {
      const before = inputs(random, kOut + 1, kIn + 1);
      check({
        label: `${examples} of ${describeGeometry(geometry)} to ${dOut}: ${kOut} x ${kIn}`,
        outputs: [decay === 0 ? unread(kOut + 1, kIn + 1) : before],
        inputs: [
          inputs(random, examples * T, dOut),
          inputs(random, examples * pixels, geometry.channels),
          directions(random, kOut, dOut),
          directions(random, kIn, dIn),
        ],
        call: (backend, [moments], [outputGradients, images, output, input]) => {
          const conv = { kind: "conv2d", examples, geometry, images, outputGradients } as const;
          backend.projectedMoments(moments, conv, { output, input }, { decay, scale: 0.5 });
        },
        // Squares of sums over locations and both bases, of size T.
        absolute: 4 * ROUNDOFF * T * (T + dIn + dOut),
        relative: 4 * ROUNDOFF * (T + dIn + dOut),
      });
    }
  }
});

/** Moments of gradients that are `factor` times larger along the directions; exact in float32. */
function momentsOf(
  random: Random,
  output: DenseMatrix,
  input: DenseMatrix,
  factor: number,
): DenseMatrix {
  const gradients = Array.from({ length: 6 }, () => {
    const inside = gemm(
      gemm(output, randomMatrix(random, output.rows, input.rows), { transposeA: true }),
      input,
    );
    const anywhere = randomMatrix(random, output.cols, input.cols);
    return mapMatrix(inside, (x, noise) => factor * x + noise, anywhere);
  });
  return rounded(projectedMoments(gradients, { output, input }));
}

for (
  const [exponent, share, factor] of [
    [1, 1e-1, 0],
    [1, 1e-6, 0],
    [1, 1e-6, 1e3],
    [0.5, 1e-6, 1e3],
    [0.3, 1e-2, 10],
  ]
) {
  const name = `exponent ${exponent}, damping ${share} of the largest, gradients times ${factor}`;
  parity(`lowRankDivide() agrees with its definition: ${name}`, (check, random) => {
    for (const [kOut, dOut] of RANKS) {
      for (const [kIn, dIn] of RANKS) {
        const [output, input] = [directions(random, kOut, dOut), directions(random, kIn, dIn)];
        const moments = momentsOf(random, output, input, factor);
        const { block, rows, columns, rest } = lowRankEigenvalues(moments, { output, input });
        const [outside, inside] = [dOut - kOut, dIn - kIn];
        const all = [
          ...block.data,
          ...(inside > 0 ? rows.data : []),
          ...(outside > 0 ? columns.data : []),
          ...(outside * inside > 0 ? [rest] : []),
        ];
        const damping = Math.fround(share * Math.max(...all));
        const h = (x: number): number => (x + damping) ** -exponent;
        // What a roundoff of X along any direction is multiplied by.
        const most = Math.max(...all.map(h));
        // Sums of moments in float32 are off by this, and so are the means outside of the block.
        const sum = moments.data[moments.data.length - 1];
        const slack = 4 * ROUNDOFF * sum / Math.max(1, Math.min(outside || 1, inside || 1));
        const absolute = 8 * ROUNDOFF * most * (dOut + dIn);
        check({
          label: `${kOut} of ${dOut} x ${kIn} of ${dIn}`,
          outputs: [unread(dOut, dIn)],
          inputs: [inputs(random, dOut, dIn), output, input, moments, denseMatrix(1, 1, [damping])],
          call: (backend, [out], [x, output, input, moments, damping]) => {
            const division = { moments, damping, exponent };
            backend.lowRankDivide(out, x, { output, input }, division);
          },
          absolute,
          webgpu: { absolute: absolute + most * Math.min(1, slack / damping) },
        });
      }
    }
  });
}
