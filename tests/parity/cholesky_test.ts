import assert from "#assert";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { edgeSizes, randomSymmetric, upload } from "@tekfac/tekfac/testing";
import { parity, rounded, ROUNDOFF, unread, wasmBackend } from "./_parity.ts";

parity("choleskyInverse() agrees with its definition", (check, random) => {
  for (const n of [...edgeSizes(8, 32), 70]) {
    const eigenvalues = Float64Array.from({ length: n }, (_, i) => 4 ** (-i / Math.max(1, n)));
    check({
      label: `n ${n}`,
      outputs: [unread(n, n), unread(1, 1)],
      inputs: [rounded(randomSymmetric(random, eigenvalues))],
      call: (backend, [out, status], [x]) => backend.choleskyInverse(out, x, 2, 0.25, status),
      // |inverse| times condition times n roundings, each about one or two here.
      absolute: 8 * ROUNDOFF * (n + 4),
    });
  }
});

Deno.test("choleskyInverse() reports an indefinite or infinite matrix and leaves out alone", () => {
  using wasm = wasmBackend("relaxed");
  using out = upload(wasm, denseMatrix(2, 2, [1, 2, 3, 4]));
  using status = wasm.alloc(1, 1);
  for (const x of [[1, 2, 2, 1], [NaN, 0, 0, 1], [Infinity, 0, 0, 1], [0, 0, 0, 0]]) {
    using matrix = upload(wasm, denseMatrix(2, 2, x));
    wasm.choleskyInverse(out, matrix, 1, 0, status);
    assert.equal(wasm.readSync(status)[0], 0);
    assert.deepEqual([...wasm.readSync(out)], [1, 2, 3, 4]);
  }
});
