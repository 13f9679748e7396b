/**
 * What the papers prove about the four approximations, as properties of the library's blocks on the
 * float64 reference backend. Statements and equation numbers: docs/MATH.md, section 2.
 */
import assert from "#assert";
import fc from "#fast-check";
import { type DenseMatrix, frobeniusDistance, frobeniusNorm, trace } from "@tekfac/tekfac/linalg";
import { allClose, download } from "@tekfac/tekfac/testing";
import { METHODS, observe, type Observed, type Setting, settings } from "./observed_layer.ts";

const ROUNDOFF = 2 ** -53;

/** Runs a property over seeded settings; a failure prints the seed and the shrunk setting. */
async function holds(
  arbitrary: fc.Arbitrary<Setting>,
  property: (observed: Observed) => void,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(arbitrary, (setting) => observe(setting, property)),
    { seed: 20201127, numRuns: 60 },
  );
}

/**
 * Rounding of sums over n x n entries of the size of the matrices involved: eigenvectors are orthogonal
 * to a few n roundoff, and two rotations with them make it 8 n.
 */
function rounding(...matrices: readonly DenseMatrix[]): number {
  const size = matrices.reduce((sum, matrix) => sum + frobeniusNorm(matrix), 0);
  return 8 * matrices[0].rows * ROUNDOFF * size;
}

const PAIRS = [
  { factored: "kfac", corrected: "ekfac", theorem: "George et al. 2018" },
  { factored: "tkfac", corrected: "tekfac", theorem: "Gao et al. 2020, thm 3.1" },
] as const;

for (const kind of ["dense", "conv2d"] as const) {
  for (const { factored, corrected, theorem } of PAIRS) {
    Deno.test(`${corrected} is no farther from F than ${factored}: ${kind} (${theorem})`, () =>
      holds(settings(kind), ({ fisher, approximation }) => {
        const [far, near] = [approximation(factored), approximation(corrected)];
        const excess = frobeniusDistance(fisher, near) - frobeniusDistance(fisher, far);
        assert.ok(excess <= rounding(fisher, far, near), `farther by ${excess}`);
      }));

    Deno.test(`${corrected} and ${factored} obey Pythagoras: ${kind} (MATH.md, section 2)`, () =>
      holds(settings(kind), ({ fisher, approximation }) => {
        // The two approximations share eigenvectors, so their distance is that of their eigenvalues.
        const [far, near] = [approximation(factored), approximation(corrected)];
        const sides = frobeniusDistance(fisher, near) ** 2 + frobeniusDistance(near, far) ** 2;
        const scale = frobeniusNorm(fisher) + frobeniusNorm(far) + frobeniusNorm(near);
        allClose([frobeniusDistance(fisher, far) ** 2], [sides], {
          absolute: rounding(fisher, far, near) * scale,
        });
      }));
  }

  Deno.test(`ekfac and tekfac keep the trace of F: ${kind} (MATH.md, section 2)`, () =>
    holds(settings(kind), ({ fisher, approximation }) => {
      for (const method of ["ekfac", "tekfac"] as const) {
        const dense = approximation(method);
        const relative = 8 * fisher.rows * ROUNDOFF;
        allClose([trace(dense)], [trace(fisher)], { relative, label: method });
      }
    }));

  Deno.test(`tkfac's factors keep tr PhiRaw = tr PsiRaw = delta under averaging: ${kind} (eq 3.6-3.8)`, () =>
    holds(settings(kind, { batches: 5 }), ({ blocks, backend }) => {
      for (const block of [blocks.tkfac, blocks.tekfac]) {
        const delta = backend.readSync(blocks.tkfac.delta)[0];
        const traces = [block.inputFactor, block.outputFactor].map((factor) =>
          trace(download(backend, factor))
        );
        // Sums of non-negative terms: relative errors grow with the number of terms, at most 6 * 12 * 19.
        allClose(traces, [delta, delta], { relative: 6 * 12 * 19 * ROUNDOFF });
      }
    }));
}

Deno.test("tkfac keeps the trace of F: dense (Gao et al. 2021, thm 4.1)", () =>
  holds(settings("dense"), ({ fisher, approximation }) => {
    const relative = 8 * fisher.rows * ROUNDOFF;
    allClose([trace(approximation("tkfac"))], [trace(fisher)], { relative });
  }));

Deno.test("tkfac has trace delta, which is tr F for one location: conv2d (thm 4.3)", () =>
  holds(settings("conv2d"), ({ fisher, approximation, blocks, backend, locations }) => {
    const delta = backend.readSync(blocks.tkfac.delta)[0];
    const relative = 16 * fisher.rows * ROUNDOFF;
    allClose([trace(approximation("tkfac"))], [delta], { relative });
    if (locations === 1) allClose([trace(fisher)], [delta], { relative });
  }));

for (const kind of ["dense", "conv2d"] as const) {
  Deno.test(`all four are exact for one example at one location: ${kind} (MATH.md, section 2)`, () =>
    holds(settings(kind, { examples: 1 }), ({ fisher, approximation, locations }) => {
      if (locations > 1) return;
      for (const method of METHODS) {
        const dense = approximation(method);
        allClose(dense.data, fisher.data, { absolute: rounding(fisher, dense), label: method });
      }
    }));

  Deno.test(`tekfac is ekfac where Phi := A and Psi := B: ${kind} (Gao et al. 2020, sec. 3)`, () =>
    holds(settings(kind), ({ blocks, backend, capture, examples, approximation }) => {
      const { ekfac, tekfac } = blocks;
      backend.axpby(tekfac.inputFactor, 1, ekfac.inputFactor, 0);
      backend.axpby(tekfac.outputFactor, 1, ekfac.outputFactor, 0);
      backend.scope(() => {
        backend.eigh(tekfac.beginRefresh(0, false));
        tekfac.finishRefresh(0);
        tekfac.observeEigenvalues(capture, { decay: 0, scale: 1 / examples });
      });
      const [expected, actual] = [approximation("ekfac"), approximation("tekfac")];
      allClose(actual.data, expected.data, { absolute: rounding(expected, actual) });
    }));
}
