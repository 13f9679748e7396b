import assert from "#assert";
import { kernelBinary, type SimdFlavour } from "@tekfac/tekfac/backend";

/** Names of what a module exports. */
const exportsOf = (binary: Uint8Array<ArrayBuffer>): string[] =>
  WebAssembly.Module.exports(new WebAssembly.Module(binary)).map(({ name }) => name);

for (const simd of ["relaxed", "baseline"] satisfies SimdFlavour[]) {
  Deno.test(`kernelBinary() gives the ${simd} build as a module with memory and kernels`, () => {
    const names = exportsOf(kernelBinary(simd));
    for (const name of ["memory", "heapBase", "gemm", "eigh"]) assert(names.includes(name), name);
    assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(kernelBinary(simd))), []);
  });

  Deno.test(`kernelBinary() gives a copy of the ${simd} build each time`, () => {
    const first = kernelBinary(simd), second = kernelBinary(simd);
    assert.deepEqual(first, second);
    first.fill(0);
    assert.deepEqual(kernelBinary(simd), second);
  });
}

Deno.test("kernelBinary(): relaxed SIMD is in one build only", () => {
  // Opcode of f32x4.relaxed_madd: 0xfd, then 0x105 as LEB128.
  const has = (binary: Uint8Array) => {
    for (let i = 0; i + 2 < binary.length; i++) {
      if (binary[i] === 0xfd && binary[i + 1] === 0x85 && binary[i + 2] === 0x02) return true;
    }
    return false;
  };
  assert.deepEqual([has(kernelBinary("relaxed")), has(kernelBinary("baseline"))], [true, false]);
});
