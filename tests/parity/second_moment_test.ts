import assert from "#assert";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { edgeSizes, upload } from "@tekfac/tekfac/testing";
import { inputs, parity, rounded, ROUNDOFF, unread, wasmBackend } from "./_parity.ts";

parity("secondMoment() agrees with its definition, weighted and decayed", (check, random) => {
  for (const d of [...edgeSizes(6, 8, 24), 250]) {
    for (const n of d > 100 ? [400] : [0, 1, 5, 40]) {
      for (const weighted of [false, true]) {
        for (const [decay, scale] of [[0, 1], [0.75, 0.5]]) {
          const x = inputs(random, n, d);
          const weights = rounded(denseMatrix(1, n, inputs(random, 1, n).data.map(Math.abs)));
          const old = inputs(random, d, d);
          for (let i = 0; i < d; i++) {
            for (let j = 0; j < i; j++) old.data[i * d + j] = old.data[j * d + i];
          }
          check({
            label: `${n}x${d} ${weighted ? "weighted" : "plain"} decay ${decay}`,
            outputs: [decay === 0 ? unread(d, d) : old],
            inputs: weighted ? [x, weights] : [x],
            call: (backend, [c], [x, weights]) =>
              backend.secondMoment(c, x, { decay, scale, ...(weights && { weights }) }),
            // n roundings of sums that end, on the diagonal, at the value itself.
            absolute: 4 * ROUNDOFF * Math.max(n, 8),
            relative: ROUNDOFF * n,
          });
        }
      }
    }
  }
});

Deno.test("secondMoment() is exactly symmetric and flushes denormals", () => {
  using wasm = wasmBackend("relaxed");
  for (const d of [1, 3, 4, 5, 17, 64]) {
    using x = upload(wasm, denseMatrix(2, d, new Float64Array(2 * d).map((_, i) => 1 + i)));
    using c = upload(wasm, denseMatrix(d, d, new Float64Array(d * d).fill(1e-36)));
    wasm.secondMoment(c, x);
    const full = wasm.readSync(c);
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < i; j++) assert.equal(full[i * d + j], full[j * d + i]);
    }
    wasm.write(x, new Float32Array(2 * d));
    for (let step = 0; step < 100; step++) wasm.secondMoment(c, x, { decay: 0.1 });
    assert.ok(wasm.readSync(c).every((value) => value === 0));
  }
});
