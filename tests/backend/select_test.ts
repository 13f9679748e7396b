import assert from "#assert";
import {
  type BackendOptions,
  createBackend,
  createBackendSync,
  kernelBinary,
  probeSimd,
} from "@tekfac/tekfac/backend";

/** Runs `body` as on a host whose WebAssembly lacks what `without` says. */
function withoutFeature(without: "everything" | "relaxed", body: () => void): void {
  const { validate } = WebAssembly;
  const relaxed = 0x85;
  WebAssembly.validate = (bytes) =>
    without === "relaxed" && !new Uint8Array(bytes as ArrayBuffer).includes(relaxed);
  try {
    body();
  } finally {
    WebAssembly.validate = validate;
  }
}

Deno.test("createBackend() chooses WebAssembly where there is no GPU, and says which", async () => {
  using backend = await createBackend({ prefer: ["wasm", "reference"] });
  assert.equal(backend.name, "wasm");
  assert.ok(backend.sync);
  assert.match(backend.info.description, /^wasm \((relaxed|baseline) SIMD\)$/);
  assert.deepEqual(backend.info.chosen, {
    name: "wasm",
    reason: "the first of 'prefer' that runs here",
  });
  assert.deepEqual(backend.info.rejected, [
    { name: "reference", reason: "not needed: wasm runs here" },
  ]);
  assert.equal(backend.info.roundoff, 2 ** -24);
});

Deno.test("createBackend() takes a GPU that is asked for, and never one in software unasked", async () => {
  using backend = await createBackend({ prefer: ["webgpu", "wasm"] });
  const [first] = backend.info.rejected;
  if (backend.name !== "webgpu") {
    assert.equal(first.name, "webgpu");
    assert.match(first.reason, /no adapter|no WebGPU|software adapter .*: pass allowSoftware/);
  }
});

Deno.test("createBackendSync() says that a GPU has to be waited for", () => {
  assert.throws(() => createBackendSync({ prefer: ["webgpu"] }), /use await createBackend\(\)/);
});

Deno.test("createBackend() follows the order of prefer", async () => {
  using reference = await createBackend({ prefer: ["reference", "wasm"] });
  assert.equal(reference.name, "reference");
  using baseline = await createBackend({ prefer: ["wasm"], simd: "baseline" });
  assert.equal(baseline.info.description, "wasm (baseline SIMD)");
});

Deno.test("createBackend() passes over what the host lacks and gives the reason", () => {
  withoutFeature("everything", () => {
    using backend = createBackendSync();
    assert.equal(backend.name, "reference");
    const [gpu, wasm] = backend.info.rejected;
    assert.equal(gpu.name, "webgpu");
    assert.match(gpu.reason, /asynchronous: name it in 'prefer', or have a step timed/);
    assert.equal(wasm.name, "wasm");
    assert.match(wasm.reason, /no WebAssembly SIMD/);
  });
});

Deno.test("createBackend() takes the baseline build where relaxed SIMD is missing", () => {
  withoutFeature("relaxed", () => {
    assert.equal(probeSimd(), "baseline");
    using backend = createBackendSync();
    assert.equal(backend.info.description, "wasm (baseline SIMD)");
  });
});

Deno.test("createBackend() throws BackendError when every candidate is rejected", () => {
  withoutFeature("everything", () => {
    assert.throws(() => createBackendSync({ prefer: ["wasm"] }), {
      name: "BackendError",
      message: /none can run here \(wasm: this host has no WebAssembly SIMD\)/,
    });
  });
});

Deno.test("createBackend() uses a module compiled by the host", async () => {
  const module = await WebAssembly.compile(kernelBinary("baseline"));
  using backend = await createBackend({ prefer: ["wasm"], module });
  using a = backend.alloc(2, 2);
  using c = backend.alloc(2, 2);
  backend.write(a, [1, 2, 3, 4]);
  backend.gemm(c, a, a);
  assert.deepEqual([...backend.readSync(c)], [7, 10, 15, 22]);
});

Deno.test("createBackend() names a module that holds no kernels as the reason", async () => {
  const module = await WebAssembly.compile(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]));
  await assert.rejects(createBackend({ prefer: ["wasm"], module }), { name: "BackendError" });
  using backend = await createBackend({ module });
  assert.equal(backend.name, "reference");
});

Deno.test("createBackend() rejects unknown options and names with the nearest known one", async () => {
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ prefers: "auto" }, /did you mean 'prefer'/],
    [{ prefer: ["wsam"] }, /did you mean 'wasm'/],
    [{ prefer: [] }, /'prefer' must be 'auto' or some of/],
    [{ prefer: "wasm" }, /'prefer' must be 'auto' or some of/],
    [{ module: new Uint8Array(8) }, /'module' must be a WebAssembly.Module/],
    [{ simd: "relaxe" }, /did you mean 'relaxed'/],
    [{ model: "mlp" }, /'model' must be a step to time, as stepProbe makes it/],
    [{ timings: {} }, /'timings' must be a TimingCache/],
    [{ recovery: { everySteps: 0 } }, /'recovery.everySteps' must be an integer >= 1/],
    [{ recovery: { every: 5 } }, /'recovery.every' is not an option/],
  ];
  for (const [options, message] of cases) {
    await assert.rejects(createBackend(options as BackendOptions), {
      name: "OptionError",
      message,
    });
  }
});
