import assert from "#assert";
import {
  type Backend,
  createBackend,
  createBackendSync,
  TuningCache,
} from "@tekfac/tekfac/backend";
import { type OwnedMatrix, Random } from "@tekfac/tekfac/core";
import { allClose } from "@tekfac/tekfac/testing";
import { gpuTest, ROUNDOFF } from "../parity/_parity.ts";

const KINDS = ["large", "small"] as const;

/**
 * Sizes that are multiples of four, where vectors are loaded, and none of a tile; and odd ones. Software
 * adapters take seconds to compile a large tile, so one shape has to do.
 */
const SHAPES = {
  small: [[36, 68, 44], [37, 31, 29], [100, 4, 20], [5, 68, 8]],
  large: [[1412, 1420, 12]],
} as const;

/** Name of the adapter, as the cache knows it. */
function adapterOf(gpu: Backend): string {
  return gpu.info.description.replace(/^webgpu \((.*)\)$/, "$1");
}

function filled(backend: Backend, rows: number, cols: number, seed: number): OwnedMatrix {
  const random = new Random(seed);
  const m = backend.alloc(rows, cols);
  backend.write(m, Float32Array.from({ length: rows * cols }, () => random.normal()));
  return m;
}

/**
 * Products that load each operand in both ways, along the sums and across them, and the second moment of
 * the left operand.
 */
async function products(backend: Backend, shape: readonly number[]): Promise<Float32Array[]> {
  const [m, n, k] = shape;
  const results: Promise<Float32Array | Float64Array>[] = [];
  for (const transposed of [false, true]) {
    using a = transposed ? filled(backend, k, m, 1) : filled(backend, m, k, 1);
    using b = transposed ? filled(backend, n, k, 2) : filled(backend, k, n, 2);
    using c = backend.alloc(m, n);
    backend.gemm(c, a, b, { transposeA: transposed, transposeB: transposed });
    results.push(backend.read(c));
  }
  using x = filled(backend, k, m, 3);
  using weights = filled(backend, 1, k, 4);
  using c = backend.alloc(m, m);
  backend.secondMoment(c, x, { weights });
  results.push(backend.read(c));
  return (await Promise.all(results)).map((numbers) => Float32Array.from(numbers));
}

for (const kind of KINDS) {
  gpuTest(`every ${kind} tile is right, and all give the same bits`, async (gpu) => {
    using reference = createBackendSync({ prefer: ["reference"] });
    for (const shape of SHAPES[kind]) {
      const expected = await products(reference, shape);
      let first: Float32Array[] | undefined;
      for (const tile of TuningCache.namesOf(kind)) {
        const tunings = new TuningCache();
        tunings.set(adapterOf(gpu), kind, tile);
        using tuned = await createBackend({
          prefer: ["webgpu"],
          allowSoftware: true,
          gpu: { tunings, tuning: "off" },
        });
        const actual = await products(tuned, shape);
        const absolute = 16 * ROUNDOFF * shape[2];
        const label = `${tile}, ${shape.join("x")}`;
        first ??= actual;
        actual.forEach((numbers, i) => {
          allClose(numbers, expected[i], { absolute, label });
          assert.ok(numbers.every((value, at) => value === first![i][at]), label);
        });
      }
    }
  });
}

gpuTest("tuning measures beside the first product and remembers what it chose", async (gpu) => {
  const tunings = new TuningCache();
  const adapter = adapterOf(gpu);
  {
    using tuned = await createBackend({
      prefer: ["webgpu"],
      allowSoftware: true,
      gpu: { tuning: "always", tunings },
    });
    using a = filled(tuned, 8, 8, 1);
    using c = tuned.alloc(8, 8);
    assert.equal(tunings.get(adapter, "small"), undefined);
    tuned.gemm(c, a, a);
    await tuned.flush();
    const { handles } = tuned.memory();
    assert.equal(handles, 2);
  }
  assert.ok(TuningCache.namesOf("small").includes(tunings.get(adapter, "small")!));
  assert.equal(tunings.get(adapter, "large"), undefined, "no large product was made");
  assert.deepEqual(TuningCache.parse(JSON.stringify(tunings)).toJSON(), tunings.toJSON());
});

gpuTest("nothing is tuned on a software adapter unless it is asked for", async (gpu) => {
  if (!/llvmpipe|swiftshader/i.test(gpu.info.description)) return;
  const tunings = new TuningCache();
  using untuned = await createBackend({
    prefer: ["webgpu"],
    allowSoftware: true,
    gpu: { tunings },
  });
  using a = filled(untuned, 256, 256, 1);
  using c = untuned.alloc(256, 256);
  untuned.gemm(c, a, a);
  await untuned.flush();
  assert.deepEqual(tunings.toJSON(), {});
});

Deno.test("TuningCache refuses a tile that there is not, and text that is none of its own", () => {
  const cache = new TuningCache();
  assert.throws(() => cache.set("GPU", "large", "7x7x7"), /must be one of \['128x128x8 vec4', /);
  assert.throws(() => TuningCache.parse("{"), /tuning cache.*not JSON/);
  assert.throws(() => TuningCache.parse('{"a": 1}'), /expected an object of names/);
  assert.throws(() => TuningCache.parse("[]"), /expected an object of names/);
});
