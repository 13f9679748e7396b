/**
 * Second moments of the patches of a ResNet20's convolutions at batch 64, weighted and not, beside the
 * same by way of all patches. (dIn)^2 N T operations are counted, half of a full product's; shifted
 * correlations need fewer, so their rate may exceed the peak.
 */

import { benchKernels, type KernelBench, mustAgree } from "./_bench.ts";
import { BENCH_LAYERS, type BenchLayer, EXAMPLES, patchNumber } from "./_geometries.ts";

/** Entries that are checked. */
const CHECKED = 30;

/** With or without weights, directly or through a matrix of all patches. */
function moment(layer: BenchLayer, weighted: boolean, direct: boolean): KernelBench {
  const { geometry, sizes } = layer;
  const { T, dIn } = sizes;
  const [what, how] = [weighted ? "weighted" : "unweighted", direct ? "" : " through patches"];
  return {
    name: `${layer.name} ${what}${how}`,
    verb: "patchSecondMoment",
    sizes,
    prepare: (matrices) => {
      const { backend } = matrices;
      const images = matrices.normal(
        EXAMPLES * geometry.height * geometry.width,
        geometry.channels,
      );
      const weights = matrices.normal(1, EXAMPLES * T);
      const c = backend.alloc(dIn, dIn);
      const all = direct ? undefined : backend.alloc(EXAMPLES * T, dIn);
      const options = weighted ? { weights } : {};
      return {
        run: () => {
          if (all === undefined) {
            backend.patchSecondMoment(c, images, geometry, options);
          } else {
            backend.patches(all, images, geometry);
            backend.secondMoment(c, all, options);
          }
        },
        verify: () => {
          const [x, w, moments] = [images, weights, c].map((matrix) => matrices.read(matrix));
          for (let e = 0; e < CHECKED; e++) {
            const [i, j] = [(e * 7) % dIn, (e * 11) % dIn];
            let sum = 0;
            for (let row = 0; row < EXAMPLES * T; row++) {
              const product = patchNumber(x, geometry, row, i) * patchNumber(x, geometry, row, j);
              sum += weighted ? w[row] * product : product;
            }
            mustAgree(moments[i * dIn + j], sum, EXAMPLES * T);
          }
        },
      };
    },
  };
}

benchKernels(
  BENCH_LAYERS.filter(({ geometry }) => geometry.kernel[0] > 1).flatMap((layer) =>
    [true, false].flatMap((weighted) =>
      [true, false].map((direct) => moment(layer, weighted, direct))
    )
  ),
);
