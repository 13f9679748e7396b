import { denseMatrix } from "@tekfac/tekfac/linalg";
import { edgeSizes } from "@tekfac/tekfac/testing";
import { inputs, parity, rounded, ROUNDOFF, unread } from "./_parity.ts";

const SHAPES = edgeSizes(4, 8).flatMap((cols) => [[1, cols], [3, cols]]);

for (
  const kind of ["relu", "tanh", "sigmoid", "gelu", "geluTanh", "silu", "softplus"] as const
) {
  // Exponents round relative to themselves, which shows far out, and what is flushed is multiplied by x.
  const relative = (kind.startsWith("gelu") ? 16 : 8) * ROUNDOFF;
  const absolute = kind.startsWith("gelu") ? 32 * ROUNDOFF ** 2 : kind === "silu" ? 2e-36 : 2e-38;
  parity(`activation() ${kind} agrees to a few units in the last place`, (check) => {
    for (const scale of [1e-6, 1e-2, 0.6, 1, 10, 100]) {
      for (const [rows, cols] of SHAPES) {
        const x = denseMatrix(rows, cols);
        for (let i = 0; i < x.data.length; i++) x.data[i] = scale * Math.sin(1 + 7 * i);
        check({
          label: `${kind} of up to ${scale}, ${rows}x${cols}`,
          outputs: [unread(rows, cols)],
          inputs: [rounded(x)],
          call: (backend, [out], [x]) => backend.activation(kind, out, x),
          relative,
          // Results below the smallest normal number are flushed.
          absolute,
          // A division may be off by 2.5 units in the last place.
          webgpu: { relative: 2 * relative },
        });
      }
    }
  });

  parity(`activationGradient() ${kind} agrees with its definition`, (check, random) => {
    for (const [rows, cols] of SHAPES) {
      const y = rounded(denseMatrix(rows, cols, inputs(random, rows, cols).data.map(Math.tanh)));
      check({
        label: `${kind} ${rows}x${cols}`,
        outputs: [unread(rows, cols)],
        inputs: [y, inputs(random, rows, cols)],
        call: (backend, [out], [y, g]) => backend.activationGradient(kind, out, y, g),
        absolute: 16 * ROUNDOFF,
      });
    }
  });

  parity(`activation() ${kind} may overwrite its input`, (check, random) => {
    check({
      label: kind,
      outputs: [inputs(random, 3, 5)],
      inputs: [],
      call: (backend, [x]) => backend.activation(kind, x, x),
      relative: 8 * ROUNDOFF,
    });
  });
}

parity(
  "axpby() agrees with its definition, alpha and beta numbers or matrices",
  (check, random) => {
    for (const [rows, cols] of SHAPES) {
      for (const beta of [0, 1, -0.5]) {
        check({
          label: `${rows}x${cols} beta ${beta}`,
          outputs: [beta === 0 ? unread(rows, cols) : inputs(random, rows, cols)],
          inputs: [inputs(random, rows, cols), denseMatrix(1, 1, [0.75])],
          call: (backend, [y], [x, alpha]) => backend.axpby(y, alpha, x, beta),
          absolute: 8 * ROUNDOFF,
          relative: 4 * ROUNDOFF,
        });
      }
    }
  },
);

parity("axpby() does not read x where alpha is 0, nor y where beta is", (check, random) => {
  for (const [rows, cols] of [[1, 7], [3, 5]]) {
    for (const onBackend of [false, true]) {
      const zero = denseMatrix(1, 1, [0]);
      check({
        label: `alpha 0, ${onBackend ? "on the backend" : "a number"}`,
        outputs: [inputs(random, rows, cols)],
        inputs: [unread(rows, cols), zero],
        call: (backend, [y], [x, alpha]) => backend.axpby(y, onBackend ? alpha : 0, x, -0.5),
      });
      check({
        label: `beta 0, ${onBackend ? "on the backend" : "a number"}`,
        outputs: [unread(rows, cols)],
        inputs: [inputs(random, rows, cols), zero],
        call: (backend, [y], [x, beta]) => backend.axpby(y, 2, x, onBackend ? beta : 0),
      });
      check({
        label: "alpha and beta 0",
        outputs: [unread(rows, cols)],
        inputs: [unread(rows, cols), zero],
        call: (backend, [y], [x, nothing]) => backend.axpby(y, onBackend ? nothing : 0, x, 0),
      });
    }
  }
});

parity(
  "takeStep() agrees with its definition, for every number of columns that decay",
  (check, random) => {
    for (const [rows, cols] of SHAPES) {
      for (const columns of new Set([0, Math.max(0, cols - 1), Math.min(cols, 5), cols])) {
        check({
          label: `${rows}x${cols}, ${columns} columns`,
          outputs: [inputs(random, rows, cols)],
          inputs: [
            inputs(random, rows, cols),
            denseMatrix(1, 1, [0.75]),
            denseMatrix(1, 1, [0.125]),
          ],
          call: (backend, [w], [u, rate, decay]) =>
            backend.takeStep(w, columns === 0 ? 0.75 : rate, u, decay, columns),
          absolute: 8 * ROUNDOFF,
          relative: 4 * ROUNDOFF,
        });
      }
    }
  },
);

parity("takeStep() does not read u where the rate is 0", (check, random) => {
  for (const onBackend of [false, true]) {
    check({
      label: `rate 0, ${onBackend ? "on the backend" : "a number"}`,
      outputs: [inputs(random, 3, 5)],
      inputs: [unread(3, 5), denseMatrix(1, 1, [0])],
      call: (backend, [w], [u, rate]) => backend.takeStep(w, onBackend ? rate : 0, u, 0.25, 4),
      relative: 4 * ROUNDOFF,
    });
  }
});

parity("axpby() may add a matrix to itself", (check, random) => {
  check({
    label: "3x5",
    outputs: [inputs(random, 3, 5)],
    inputs: [],
    call: (backend, [y]) => backend.axpby(y, 2, y, 0.5),
    relative: 4 * ROUNDOFF,
  });
});

parity("zeroUnless() keeps what it is allowed to and replaces even NaN", (check, random) => {
  for (const [rows, cols] of SHAPES) {
    for (const flag of [0, 1, -2]) {
      check({
        label: `${rows}x${cols} flag ${flag}`,
        outputs: [flag === 0 ? unread(rows, cols) : inputs(random, rows, cols)],
        inputs: [denseMatrix(1, 1, [flag])],
        call: (backend, [x], [flag]) => backend.zeroUnless(x, flag),
      });
    }
  }
});

parity("squares() agrees with its definition", (check, random) => {
  for (const [rows, cols] of SHAPES) {
    for (const decay of [0, 0.9]) {
      check({
        label: `${rows}x${cols} decay ${decay}`,
        outputs: [decay === 0 ? unread(rows, cols) : inputs(random, rows, cols)],
        inputs: [inputs(random, rows, cols)],
        call: (backend, [out], [x]) => backend.squares(out, x, { decay, scale: 0.5 }),
        absolute: 8 * ROUNDOFF,
        relative: 4 * ROUNDOFF,
      });
    }
  }
});

parity("adamDirection() agrees with its definition over several updates", (check, random) => {
  for (const [rows, cols] of SHAPES) {
    const zero = denseMatrix(rows, cols);
    check({
      label: `${rows}x${cols}`,
      outputs: [unread(rows, cols), zero, zero],
      inputs: [1, 2, 3].map(() => inputs(random, rows, cols)),
      call: (backend, [out, m, v], gradients) =>
        gradients.forEach((g, i) => {
          const numbers = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, count: i + 1 };
          backend.adamDirection(out, m, v, g, numbers);
        }),
      absolute: 32 * ROUNDOFF,
    });
  }
});

parity("appendOnes() agrees with its definition", (check, random) => {
  for (const [rows, cols] of SHAPES) {
    check({
      label: `${rows}x${cols}`,
      outputs: [unread(rows, cols + 1)],
      inputs: [inputs(random, rows, cols)],
      call: (backend, [out], [x]) => backend.appendOnes(out, x),
    });
  }
});

parity("dampedDivide() agrees with its definition for every exponent", (check, random) => {
  for (const exponent of [1, 0.5, 0.75]) {
    for (const [rows, cols] of SHAPES) {
      const theta = rounded(denseMatrix(rows, cols, inputs(random, rows, cols).data.map(Math.abs)));
      check({
        label: `${rows}x${cols} exponent ${exponent}`,
        outputs: [unread(rows, cols)],
        inputs: [inputs(random, rows, cols), theta, rounded(denseMatrix(1, 1, [0.1]))],
        call: (backend, [out], [x, eigenvalues, damping]) =>
          backend.dampedDivide(out, x, { eigenvalues, damping, exponent }),
        relative: 4 * ROUNDOFF,
        // pow is exp2(p log2 x), each off by some units in the last place.
        webgpu: { relative: 32 * ROUNDOFF },
      });
    }
  }
});

parity(
  "dampedDivide() multiplies where the exponent is negative, by zeros too",
  (check, random) => {
    for (const exponent of [-1, -0.5]) {
      const [rows, cols] = [7, 9];
      const theta = denseMatrix(
        rows,
        cols,
        inputs(random, rows, cols).data.map((x, i) => i % 3 ? Math.abs(x) : 0),
      );
      check({
        label: `exponent ${exponent}`,
        outputs: [unread(rows, cols)],
        inputs: [inputs(random, rows, cols), rounded(theta)],
        call: (backend, [out], [x, eigenvalues]) =>
          backend.dampedDivide(out, x, { eigenvalues, damping: 0, exponent }),
        relative: 4 * ROUNDOFF,
        webgpu: { relative: 32 * ROUNDOFF },
      });
    }
  },
);

parity("scaleRows() rounds each product once, in place too", (check, random) => {
  for (const [rows, cols] of SHAPES) {
    check({
      label: `${rows}x${cols}`,
      outputs: [unread(rows, cols), inputs(random, rows, cols)],
      inputs: [inputs(random, rows, cols), inputs(random, 1, rows)],
      call: (backend, [out, self], [x, weights]) => {
        backend.scaleRows(out, x, weights);
        backend.scaleRows(self, self, weights);
      },
      relative: 2 * ROUNDOFF,
    });
  }
});
