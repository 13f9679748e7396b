import { denseMatrix } from "@tekfac/tekfac/linalg";
import { edgeSizes, randomOrthogonal } from "@tekfac/tekfac/testing";
import { inputs, parity, rounded, ROUNDOFF, unread } from "./_parity.ts";

const SIZES = edgeSizes(6, 8);

parity("rotateInto() agrees with its definition", (check, random) => {
  for (const m of SIZES) {
    for (const n of SIZES) {
      check({
        label: `${m}x${n}`,
        outputs: [unread(m, n)],
        inputs: [
          inputs(random, m, n),
          rounded(randomOrthogonal(random, m)),
          rounded(randomOrthogonal(random, n)),
        ],
        call: (backend, [out], [x, output, input]) => backend.rotateInto(out, x, { output, input }),
        absolute: 4 * ROUNDOFF * (m + n),
      });
    }
  }
});

for (const exponent of [undefined, 1, 0.5, 0.3]) {
  const name = exponent === undefined ? "no division" : `exponent ${exponent}`;
  parity(`rotateBack() with ${name} agrees with its definition`, (check, random) => {
    for (const [m, n] of [[0, 3], [1, 1], [5, 9], [13, 8], [24, 17]]) {
      const theta = rounded(denseMatrix(m, n, inputs(random, m, n).data.map(Math.abs)));
      check({
        label: `${m}x${n}`,
        outputs: [unread(m, n)],
        inputs: [
          inputs(random, m, n),
          rounded(randomOrthogonal(random, m)),
          rounded(randomOrthogonal(random, n)),
          theta,
        ],
        call: (backend, [out], [x, output, input, eigenvalues]) => {
          const division = exponent && { eigenvalues, damping: 0.25, exponent };
          backend.rotateBack(out, x, { output, input }, division || undefined);
        },
        absolute: 16 * ROUNDOFF * (m + n),
      });
    }
  });
}
