/** How eigenvalues are carried over to a new basis (docs/MATH.md, section 3). */
import assert from "#assert";
import fc from "#fast-check";
import { createBackend } from "@tekfac/tekfac/backend";
import { Random } from "@tekfac/tekfac/core";
import { overlap, transport } from "@tekfac/tekfac/curvature";
import { eigenbasisBlock, gemm, kron, mapMatrix } from "@tekfac/tekfac/linalg";
import { allClose, download, randomMatrix, randomOrthogonal, upload } from "@tekfac/tekfac/testing";

const ROUNDOFF = 2 ** -53;

/** Two random bases of a [dOut, dIn] layer, eigenvalues in the first, and their transport. */
async function transported(seed: number, dOut: number, dIn: number) {
  const random = new Random(seed);
  const basis = () => ({
    output: randomOrthogonal(random, dOut),
    input: randomOrthogonal(random, dIn),
  });
  const [from, to] = [basis(), basis()];
  const theta = mapMatrix(randomMatrix(random, dOut, dIn), (value) => value * value);
  using backend = await createBackend({ prefer: ["reference"] });
  using eigenvalues = upload(backend, theta);
  using fromOutput = upload(backend, from.output);
  using fromInput = upload(backend, from.input);
  using toOutput = upload(backend, to.output);
  using toInput = upload(backend, to.input);
  backend.scope(() =>
    transport(
      backend,
      eigenvalues,
      overlap(
        backend,
        { output: fromOutput, input: fromInput },
        { output: toOutput, input: toInput },
      ),
    )
  );
  return { from, to, theta, moved: download(backend, eigenvalues) };
}

const cases = fc.record({
  seed: fc.nat(),
  dOut: fc.integer({ min: 1, max: 6 }),
  dIn: fc.integer({ min: 1, max: 6 }),
});
const run = { seed: 20201127, numRuns: 60 };

Deno.test("transport() keeps the trace and the sign of Theta", () =>
  fc.assert(
    fc.asyncProperty(cases, async ({ seed, dOut, dIn }) => {
      const { theta, moved } = await transported(seed, dOut, dIn);
      const sum = (data: Float64Array) => data.reduce((total, value) => total + value, 0);
      const relative = 8 * dOut * dIn * ROUNDOFF;
      allClose([sum(moved.data)], [sum(theta.data)], { relative });
      assert.ok(moved.data.every((value) => value >= 0));
    }),
    run,
  ));

Deno.test("transport() is the diagonal of the old approximation in the new basis", () =>
  fc.assert(
    fc.asyncProperty(cases, async ({ seed, dOut, dIn }) => {
      const { from, to, theta, moved } = await transported(seed, dOut, dIn);
      const old = eigenbasisBlock(theta, from);
      const q = kron(to.output, to.input);
      const rotated = gemm(gemm(q, old, { transposeA: true }), q);
      const n = dOut * dIn;
      const diagonal = moved.data.map((_, i) => rotated.data[i * n + i]);
      const largest = Math.max(...theta.data);
      allClose(moved.data, diagonal, { absolute: 16 * n * ROUNDOFF * largest });
    }),
    run,
  ));
