import { tekfac } from "@tekfac/tekfac";
import { Random } from "@tekfac/tekfac/core";
import {
  batchNorm2d,
  dense,
  globalAveragePool2d,
  objective,
  sequential,
  squaredError,
} from "@tekfac/tekfac/nn";
import { allClose } from "@tekfac/tekfac/testing";
import { referenceBackend } from "./problem.ts";

const EXAMPLES = 32;

for (const parts of [1, 2]) {
  Deno.test(`fisher perLoss has no unit: every layer's curvature, ${parts} micro-batches`, async () => {
    const spectraOf = async (unit: number): Promise<number[]> => {
      using backend = referenceBackend();
      const layers = [batchNorm2d(), globalAveragePool2d(), dense(2)];
      using model = sequential(backend, { input: [4, 3, 2], layers, seed: 1 });
      using optimizer = tekfac(objective(model, squaredError()), {
        fisher: { kind: "perLoss" },
        learningRate: 1e-12,
      });
      const random = new Random(1);
      // Targets so far away that the outputs do not matter.
      const batches = Array.from({ length: parts }, () => ({
        inputs: Float64Array.from({ length: EXAMPLES * 24 / parts }, () => random.normal()),
        targets: Float64Array.from({ length: EXAMPLES * 2 / parts }, () => unit * random.normal()),
      }));
      optimizer.stepSync(...batches);
      return (await optimizer.spectra()).map(({ eigenvalues }) =>
        eigenvalues.reduce((sum, value) => sum + value, 0)
      );
    };
    // Outputs of order 1 are to be small beside the targets.
    allClose(await spectraOf(1e6), await spectraOf(1e5), { relative: 1e-3 });
  });
}
