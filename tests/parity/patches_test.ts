import { locationsOf, patchLength } from "@tekfac/tekfac/core";
import { describeGeometry } from "@tekfac/tekfac/testing";
import { EXAMPLES, geometries } from "./_geometries.ts";
import { inputs, parity, ROUNDOFF, unread } from "./_parity.ts";

parity("patches() copies exactly, for every geometry", (check, random) => {
  geometries(random).forEach((geometry, i) => {
    const examples = EXAMPLES[i % EXAMPLES.length];
    check({
      label: `${describeGeometry(geometry)} examples ${examples}`,
      outputs: [unread(examples * locationsOf(geometry), patchLength(geometry))],
      inputs: [inputs(random, examples * geometry.height * geometry.width, geometry.channels)],
      call: (backend, [out], [images]) => backend.patches(out, images, geometry),
    });
  });
});

parity("patchSquaredNorms() equals the definition for every geometry", (check, random) => {
  geometries(random).forEach((geometry, i) => {
    const examples = EXAMPLES[i % EXAMPLES.length];
    check({
      label: `${describeGeometry(geometry)} examples ${examples}`,
      outputs: [unread(1, examples * locationsOf(geometry))],
      inputs: [inputs(random, examples * geometry.height * geometry.width, geometry.channels)],
      call: (backend, [out], [images]) => backend.patchSquaredNorms(out, images, geometry),
      // All terms are >= 0: the error is a part of the result.
      relative: ROUNDOFF * (patchLength(geometry) + 4),
    });
  });
});
