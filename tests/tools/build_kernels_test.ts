/** Modules that are compiled ahead. */
import assert from "#assert";
import { createBackend, sequenceVerbs } from "@tekfac/tekfac/backend";
import { denseMatrix } from "@tekfac/tekfac/linalg";
import { allClose, upload } from "@tekfac/tekfac/testing";
import { compile } from "../../tools/build_kernels.ts";

Deno.test("compile() of all entries gives a host's module that needs no other for any verb", async () => {
  const binary = await compile(
    "baseline",
    "index.ts",
    "sequences.ts",
    "batch_norm.ts",
    "density_losses.ts",
  );
  const module = await WebAssembly.compile(binary);
  const names = WebAssembly.Module.exports(module).map(({ name }) => name);
  assert(names.includes("gemm") && names.includes("attention"));

  using backend = await createBackend({ module });
  const { Module } = WebAssembly;
  try {
    WebAssembly.Module = class {
      constructor() {
        throw new TypeError("this host compiles nothing");
      }
    } as unknown as typeof Module;
    backend.extend(sequenceVerbs);
  } finally {
    WebAssembly.Module = Module;
  }
  using x = upload(backend, denseMatrix(1, 2, [3, 4]));
  using weights = upload(backend, denseMatrix(1, 2, [1, 1]));
  using out = backend.alloc(1, 2);
  backend.rowNorm("rms", out, x, weights, 1e-9);
  const root = Math.sqrt(12.5);
  allClose(backend.readSync(out), [3 / root, 4 / root], { relative: 1e-6 });
});
