import assert from "#assert";
import { Random } from "@tekfac/tekfac/core";
import { denseMatrix, gemm } from "@tekfac/tekfac/linalg";
import {
  allClose,
  type BackendTest,
  download,
  eachBackend,
  randomMatrix,
  upload,
  uploadStrided,
} from "@tekfac/tekfac/testing";

eachBackend(Deno.test, "gemm() multiplies views with gaps", (backend) => {
  const random = new Random(1);
  const [x, y] = [randomMatrix(random, 5, 4), randomMatrix(random, 4, 3)];
  const { owner, view } = uploadStrided(backend, x);
  try {
    using right = upload(backend, y);
    using out = backend.alloc(5, 3);
    backend.gemm(out, view, right);
    allClose(download(backend, out).data, gemm(x, y).data, { absolute: 2 ** -24 * 64 });
  } finally {
    owner[Symbol.dispose]();
  }
});

Deno.test("eachBackend() lists every backend, and fails a body that leaves a matrix", async () => {
  const tests: BackendTest[] = [];
  eachBackend((test) => tests.push(test), "leak", (backend) => {
    upload(backend, denseMatrix(1, 2));
  });
  assert.deepEqual(
    tests.map(({ name }) => name),
    ["leak [reference]", "leak [wasm relaxed]", "leak [wasm baseline]"],
  );
  await assert.rejects(tests[0].fn, /leak: 1 matrices \(16 bytes\) were not disposed/);
});
