import { edgeSizes } from "@tekfac/tekfac/testing";
import { inputs, parity, ROUNDOFF, unread } from "./_parity.ts";

const SHAPES = edgeSizes(8).flatMap((cols) => [[1, cols], [5, cols]]);

/** Of a sum by halves in float32, of at most 32 runs of 256, scaled by 2 and added to a number. */
const treeError = (terms: Float64Array): number =>
  2 * ROUNDOFF * (16 * terms.reduce((sum, value) => sum + Math.abs(value), 0) + 8);

for (const verb of ["dot", "sum"] as const) {
  parity(`${verb}() agrees to the rounding of its result`, (check, random) => {
    for (const [rows, cols] of [...SHAPES, [70, 1000]]) {
      for (const decay of [0, 0.5]) {
        const [x, y] = [inputs(random, rows, cols), inputs(random, rows, cols)];
        const terms = x.data.map((value, i) => verb === "dot" ? value * y.data[i] : value);
        check({
          label: `${rows}x${cols} decay ${decay}`,
          outputs: [decay === 0 ? unread(1, 1) : inputs(random, 1, 1)],
          inputs: [x, y],
          call: (backend, [out], [x, y]) =>
            verb === "dot"
              ? backend.dot(out, x, y, { decay, scale: 2 })
              : backend.sum(out, x, { decay, scale: 2 }),
          relative: 2 * ROUNDOFF,
          absolute: 1e-12,
          webgpu: { absolute: treeError(terms) },
        });
      }
    }
  });
}

parity("allFinite() finds one NaN or infinity wherever it is", (check, random) => {
  for (const [rows, cols] of [[0, 3], ...SHAPES.filter(([, cols]) => cols > 0), [70, 1000]]) {
    for (const bad of [undefined, NaN, Infinity, -Infinity]) {
      const x = inputs(random, rows, cols);
      if (bad !== undefined) x.data[random.integer(rows * cols)] = bad;
      // The largest finite number, whose square is none.
      else if (x.data.length > 0) x.data[0] = -(2 - 2 ** -23) * 2 ** 127;
      check({
        label: `${rows}x${cols} with ${bad}`,
        outputs: [unread(1, 1)],
        inputs: [x],
        call: (backend, [out], [x]) => backend.allFinite(out, x),
      });
    }
  }
});

parity("trace() agrees to the rounding of its result", (check, random) => {
  for (const n of edgeSizes(8)) {
    const x = inputs(random, n, n);
    check({
      label: `n ${n}`,
      outputs: [inputs(random, 1, 1)],
      inputs: [x],
      call: (backend, [out], [x]) => backend.trace(out, x, { decay: 0.5, scale: 3 }),
      relative: 2 * ROUNDOFF,
      absolute: 1e-12,
      webgpu: { absolute: 2 * treeError(x.data.filter((_, i) => i % (n + 1) === 0)) },
    });
  }
});

parity("rowSquaredNorms() agrees to the rounding of its result", (check, random) => {
  // Around the widths at which a GPU gives a row more lanes, and enough rows for several workgroups.
  const lanes = [32, 33, 512, 513, 1030].map((cols) => [17, cols]);
  for (const [rows, cols] of [...SHAPES, ...lanes, [600, 6], [600, 40]]) {
    check({
      label: `${rows}x${cols}`,
      outputs: [unread(1, rows)],
      inputs: [inputs(random, rows, cols)],
      call: (backend, [out], [x]) => backend.rowSquaredNorms(out, x),
      relative: 2 * ROUNDOFF,
      // A lane sums at most 32 squares, in this order; up to 256 lanes are added by halves.
      webgpu: { relative: (Math.min(cols, 32) + 8) * ROUNDOFF },
    });
  }
});

parity("rowDots() agrees to the rounding of its result", (check, random) => {
  for (const [rows, cols] of [...SHAPES, [17, 513], [600, 40]]) {
    for (const decay of [0, 0.5]) {
      const [x, y] = [inputs(random, rows, cols), inputs(random, rows, cols)];
      check({
        label: `${rows}x${cols} decay ${decay}`,
        outputs: [decay === 0 ? unread(1, rows) : inputs(random, 1, rows)],
        inputs: [x, y],
        call: (backend, [out], [x, y]) => backend.rowDots(out, x, y, { decay, scale: 2 }),
        relative: 2 * ROUNDOFF,
        absolute: 1e-12,
        webgpu: { absolute: 4 * ROUNDOFF * (40 * cols + 8) },
      });
    }
  }
});

parity("stepProducts() agrees to the rounding of its result", (check, random) => {
  for (const [rows, cols] of [...SHAPES, [70, 1000], [130, 785]]) {
    const [u, s, w] = [1, 2, 3].map(() => inputs(random, rows, cols));
    check({
      label: `${rows}x${cols}`,
      outputs: [unread(1, 3)],
      inputs: [u, s, w],
      call: (backend, [out], [u, s, w]) => backend.stepProducts(out, u, s, w),
      relative: 2 * ROUNDOFF,
      absolute: 1e-12,
      webgpu: { absolute: treeError(u.data.map((value) => value * value)) },
    });
  }
});
