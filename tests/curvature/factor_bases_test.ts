import assert from "#assert";
import { CheckedBackend, createWasmKernels } from "@tekfac/tekfac/backend";
import { BackendError } from "@tekfac/tekfac/core";
import { Eigenbasis } from "@tekfac/tekfac/curvature";

Deno.test("Eigenbasis.jobs() that lasts gives all back where there is no room for the last matrix", () => {
  const kernels = createWasmKernels();
  let left = Infinity;
  const narrow = {
    ...kernels,
    allocate(length: number) {
      if (left-- <= 0) throw new BackendError("wasm", "out of memory");
      return kernels.allocate(length);
    },
  };
  using backend = new CheckedBackend(narrow, []);
  using output = backend.alloc(2, 2);
  using input = backend.alloc(3, 3);
  const { handles } = backend.memory();
  for (let room = 0; room < 4; room++) {
    const basis = new Eigenbasis(backend, 2, 3);
    left = room;
    assert.throws(() => basis.jobs({ output, input }, 0, true), BackendError);
    left = Infinity;
    assert.equal(basis.jobs({ output, input }, 0, true).length, 2);
    basis[Symbol.dispose]();
    assert.equal(backend.memory().handles, handles, `room for ${room}`);
  }
});
