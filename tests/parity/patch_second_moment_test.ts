import assert from "#assert";
import { locationsOf, patchLength } from "@tekfac/tekfac/core";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { describeGeometry, download, upload } from "@tekfac/tekfac/testing";
import { EXAMPLES, geometries } from "./_geometries.ts";
import { inputs, parity, rounded, ROUNDOFF, unread, wasmBackend } from "./_parity.ts";

/** A sum of n products of normal numbers, none above 25, summed one by one. */
const sumError = (n: number): number => 4 * ROUNDOFF * (n + 8) * Math.sqrt(n + 1);

for (const weighted of [false, true]) {
  const what = weighted ? "weighted" : "unweighted";
  parity(`patchSecondMoment() ${what} equals the definition`, (check, random) => {
    geometries(random).forEach((geometry, i) => {
      const examples = EXAMPLES[i % EXAMPLES.length];
      const rows = examples * locationsOf(geometry);
      const d = patchLength(geometry);
      const decay = i % 4 === 0 ? 0.5 : 0;
      const old = inputs(random, d, d);
      for (let r = 0; r < d; r++) {
        for (let c = 0; c < r; c++) old.data[r * d + c] = old.data[c * d + r];
      }
      const images = inputs(random, examples * geometry.height * geometry.width, geometry.channels);
      const weights = denseMatrix(1, rows, Array.from({ length: rows }, () => random.uniform()));
      check({
        label: `${describeGeometry(geometry)} examples ${examples}`,
        outputs: [decay === 0 ? unread(d, d) : old],
        inputs: weighted ? [images, rounded(weights)] : [images],
        call: (backend, [c], [x, w]) =>
          backend.patchSecondMoment(c, x, geometry, {
            decay,
            scale: 0.5,
            ...(w && { weights: w }),
          }),
        absolute: sumError(rows),
      });
    });
  });
}

const PLAIN = {
  channels: 16,
  height: 12,
  width: 13,
  kernel: [3, 3],
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  bias: true,
} as const;

parity("patchSecondMoment() agrees where images span many blocks", (check, random) => {
  const examples = 9;
  const rows = examples * locationsOf(PLAIN);
  const images = inputs(random, examples * 12 * 13, 16);
  const weights = denseMatrix(1, rows, Array.from({ length: rows }, () => random.uniform()));
  for (const inputsOf of [[images], [images, rounded(weights)]]) {
    check({
      label: inputsOf.length === 2 ? "weighted" : "unweighted",
      outputs: [unread(145, 145)],
      inputs: inputsOf,
      call: (backend, [c], [x, w]) =>
        backend.patchSecondMoment(c, x, PLAIN, w ? { weights: w } : {}),
      absolute: sumError(rows),
    });
  }
});

for (const simd of ["relaxed", "baseline"] as const) {
  Deno.test(`patchSecondMoment() is symmetric and flushes denormals to zero [wasm ${simd}]`, () => {
    using backend = wasmBackend(simd);
    const tiny = denseMatrix(12 * 13, 16, new Float64Array(12 * 13 * 16).fill(1e-21));
    using images = upload(backend, tiny);
    using weights = upload(backend, denseMatrix(1, 12 * 13, new Float64Array(12 * 13).fill(1)));
    using c = backend.alloc(145, 145);
    for (const options of [{}, { weights }]) {
      backend.patchSecondMoment(c, images, PLAIN, options);
      const { data } = download(backend, c);
      const block = data.filter((_, i) => i % 145 < 144 && i < 144 * 145);
      assert.ok(block.every((value) => value === 0));
      assert.equal(data[144 * 145 + 144], 12 * 13);
      for (let i = 0; i < 145; i++) {
        for (let j = 0; j < i; j++) assert.equal(data[i * 145 + j], data[j * 145 + i]);
      }
    }
  });
}
