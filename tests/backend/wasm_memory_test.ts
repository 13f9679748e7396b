import assert from "#assert";
import fc from "#fast-check";
import { type Backend, createBackendSync } from "@tekfac/tekfac/backend";
import { type Matrix, type OwnedMatrix, Random } from "@tekfac/tekfac/core";

const wasm = (): Backend => createBackendSync({ prefer: ["wasm"] });

/** First byte of a matrix of the WebAssembly backend. */
const addressOf = (m: Matrix): number => (m.storage as unknown as { address: number }).address;

/** Runs a seeded mix of allocations and disposals that leaves `last` matrices at most. */
function churn(backend: Backend, random: Random, rounds: number, most: number): void {
  const held: OwnedMatrix[] = [];
  for (let i = 0; i < rounds; i++) {
    if (held.length > 0 && random.uniform() < 0.5) {
      held.splice(random.integer(held.length), 1)[0][Symbol.dispose]();
    } else held.push(backend.alloc(1 + random.integer(most), 1 + random.integer(100)));
  }
  for (const matrix of held) matrix[Symbol.dispose]();
}

Deno.test("alloc() on wasm keeps every matrix's numbers through any order of disposals", () => {
  const action = fc.record({ free: fc.boolean(), size: fc.integer({ min: 0, max: 3000 }) });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      using backend = wasm();
      const held: { matrix: OwnedMatrix; mark: number }[] = [];
      actions.forEach(({ free, size }, mark) => {
        if (free && held.length > 0) {
          const [{ matrix }] = held.splice(size % held.length, 1);
          matrix[Symbol.dispose]();
          return;
        }
        const matrix = backend.alloc(1, size);
        assert.ok(backend.readSync(matrix).every((value) => value === 0));
        backend.write(matrix, new Float32Array(size).fill(mark));
        held.push({ matrix, mark });
      });
      for (const { matrix, mark } of held) {
        assert.equal(addressOf(matrix) % 64, 0);
        assert.ok(backend.readSync(matrix).every((value) => value === mark));
        matrix[Symbol.dispose]();
      }
      assert.deepEqual(backend.memory().handles, 0);
    }),
    { seed: 64, numRuns: 60 },
  );
});

Deno.test("alloc() on wasm reuses what was disposed: a thousand rounds take no more memory", () => {
  using backend = wasm();
  churn(backend, new Random(1), 4000, 500);
  const { reservedBytes } = backend.memory();
  for (let round = 0; round < 5; round++) churn(backend, new Random(1), 4000, 500);
  assert.equal(backend.memory().reservedBytes, reservedBytes);
});

Deno.test("alloc() on wasm joins neighbours: pieces become room for a large matrix", () => {
  using backend = wasm();
  const pieces = Array.from({ length: 64 }, () => backend.alloc(100, 1000));
  const { reservedBytes } = backend.memory();
  for (const order of [0, 1]) {
    pieces.forEach((piece, i) => i % 2 === order && piece[Symbol.dispose]());
  }
  using large = backend.alloc(64 * 100, 1000);
  assert.equal(backend.memory().reservedBytes, reservedBytes);
  assert.equal(large.rows, 6400);
});

Deno.test("alloc() on wasm keeps numbers when the memory grows", () => {
  using backend = wasm();
  using first = backend.alloc(1, 3);
  backend.write(first, [1, 2, 3]);
  using _large = backend.alloc(3000, 1000);
  assert.ok(backend.memory().reservedBytes > 12e6);
  assert.deepEqual([...backend.readSync(first)], [1, 2, 3]);
});

Deno.test("scratch() on wasm takes the same place in every round and nothing after the first", () => {
  using backend = wasm();
  const addresses = (): number[] =>
    backend.scope(() => {
      const outer = backend.scratch(300, 1000);
      const inner = backend.scope(() => addressOf(backend.scratch(200, 1000)));
      const again = backend.scope(() => addressOf(backend.scratch(1, 1)));
      assert.equal(inner, again);
      return [addressOf(outer), inner, addressOf(backend.scratch(500, 1000))];
    });
  addresses();
  const { reservedBytes } = backend.memory();
  const second = addresses();
  for (let round = 0; round < 100; round++) assert.deepEqual(addresses(), second);
  assert.ok(second.every((address) => address % 64 === 0));
  assert.equal(new Set(second).size, 2);
  assert.equal(backend.memory().reservedBytes, reservedBytes);
});

Deno.test("scratch() on wasm ends with its scope, thrown errors included", () => {
  using backend = wasm();
  let lost: Matrix | undefined;
  assert.throws(() =>
    backend.scope(() => {
      lost = backend.scratch(2, 2);
      throw new Error("inside");
    }), /inside/);
  assert.throws(() => backend.readSync(lost!), { name: "StateError" });
  assert.equal(backend.memory().liveBytes, 0);
});

Deno.test("write() and readSync() on wasm respect the gaps of a view", () => {
  using backend = wasm();
  using whole = backend.alloc(3, 4);
  backend.write(whole, Array.from({ length: 12 }, (_, i) => i));
  const view: Matrix = { storage: whole.storage, offset: 1, rows: 3, cols: 2, stride: 4 };
  assert.deepEqual([...backend.readSync(view)], [1, 2, 5, 6, 9, 10]);
  backend.write(view, [-1, -2, -5, -6, -9, -10]);
  assert.deepEqual([...backend.readSync(whole)], [0, -1, -2, 3, 4, -5, -6, 7, 8, -9, -10, 11]);
});

Deno.test("alloc() on wasm refuses what no memory holds, and works on", () => {
  using backend = wasm();
  assert.throws(() => backend.alloc(100_000, 100_000), { name: "BackendError" });
  using small = backend.alloc(1, 1);
  assert.equal(backend.readSync(small)[0], 0);
});
