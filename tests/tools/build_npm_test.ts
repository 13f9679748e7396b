import assert from "#assert";
import { manifestFor } from "../../tools/build_npm.ts";

Deno.test("manifestFor() keeps what the packer wrote and adds what bundlers and npm look for", () => {
  const packed = {
    name: "a",
    version: "1.2.3",
    exports: { ".": "./mod.js" },
    dependencies: { "@assemblyscript/loader": "^0.28.20" },
  };
  const manifest = manifestFor(packed);
  const { exports, ...rest } = packed;
  assert.deepEqual({ ...manifest, ...rest }, manifest);
  const kernels = { "./relaxed.wasm": "./relaxed.wasm", "./baseline.wasm": "./baseline.wasm" };
  assert.deepEqual(manifest.exports, { ...exports, ...kernels });
  assert.deepEqual(manifest.sideEffects, ["./src/backend/wasm/threads/entry.js"]);
  assert.deepEqual(manifest.engines, { node: ">=20" });
  assert(!("peerDependencies" in manifest));
});

Deno.test("manifestFor() turns what only adapters use into optional peers", () => {
  const dependencies = { "@assemblyscript/loader": "^0.28.20", framework: "^4.0.0" };
  const manifest = manifestFor({ name: "a", version: "1.2.3", dependencies });
  assert.deepEqual(manifest.dependencies, { "@assemblyscript/loader": "^0.28.20" });
  assert.deepEqual(manifest.peerDependencies, { framework: "^4.0.0" });
  assert.deepEqual(manifest.peerDependenciesMeta, { framework: { optional: true } });
});
