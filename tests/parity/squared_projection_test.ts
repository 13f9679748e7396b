import { edgeSizes, randomOrthogonal } from "@tekfac/tekfac/testing";
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
