import { locationsOf } from "@tekfac/tekfac/core";
import { maxPool } from "@tekfac/tekfac/linalg";
import { describeGeometry } from "@tekfac/tekfac/testing";
import { EXAMPLES, geometries } from "./_geometries.ts";
import { inputs, parity, ROUNDOFF, unread } from "./_parity.ts";

parity("pool() equals the definition for every window", (check, random) => {
  geometries(random).forEach((window, i) => {
    const examples = EXAMPLES[i % EXAMPLES.length];
    const taps = window.kernel[0] * window.kernel[1];
    for (const kind of ["max", "average"] as const) {
      check({
        label: `${kind} ${describeGeometry(window)} examples ${examples}`,
        outputs: [unread(examples * locationsOf(window), window.channels)],
        inputs: [inputs(random, examples * window.height * window.width, window.channels)],
        call: (backend, [out], [images]) => backend.pool(kind, out, images, window),
        absolute: kind === "max" ? 0 : 8 * ROUNDOFF * (taps + 2),
      });
    }
  });
});

parity("poolGradient() equals the definition for every window, ties included", (check, random) => {
  geometries(random).forEach((window, i) => {
    const examples = EXAMPLES[i % EXAMPLES.length];
    const taps = window.kernel[0] * window.kernel[1];
    const images = inputs(random, examples * window.height * window.width, window.channels);
    images.data.forEach((value, at) => images.data[at] = Math.round(value));
    const g = inputs(random, examples * locationsOf(window), window.channels);
    for (const kind of ["max", "average"] as const) {
      check({
        label: `${kind} ${describeGeometry(window)} examples ${examples}`,
        outputs: [unread(images.rows, images.cols)],
        inputs: [images, maxPool(images, window), g],
        call: (backend, [out], [x, pooled, y]) =>
          backend.poolGradient(kind, out, x, pooled, y, window),
        absolute: 8 * ROUNDOFF * taps,
      });
    }
  });
});
