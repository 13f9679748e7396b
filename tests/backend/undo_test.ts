import assert from "#assert";
import {
  type Backend,
  CheckedBackend,
  createBackend,
  createReferenceKernels,
  createThreadedKernels,
  createWasmKernels,
  type Kernels,
} from "@tekfac/tekfac/backend";
import { columnsOf, type Matrix, OptionError } from "@tekfac/tekfac/core";
import { gpuTest } from "../parity/_parity.ts";

const kernels: Record<string, () => Kernels> = {
  reference: createReferenceKernels,
  wasm: createWasmKernels,
  threads: () => createThreadedKernels({ threads: 2, grain: 0 }),
};

/** Numbers that no sum below rounds. */
const numbers = (count: number, by = 1): number[] =>
  Array.from({ length: count }, (_, i) => by * i);

/** What changes a matrix y; x has its shape, and `passing` is nobody's. */
type Change = (backend: Backend, y: Matrix, x: Matrix, passing: Matrix) => void;

const adam = { beta1: 0.5, beta2: 0.5, epsilon: 1, count: 1 };

const changes: Record<string, Change> = {
  "all of it by one verb": (b, y, x) => b.axpby(y, 2, x, 1),
  "all of it, from itself": (b, y) => b.axpby(y, 0, y, 2),
  "nothing left of it": (b, y) => b.axpby(y, 0, y, 0),
  "all of it, twice": (b, y, x) => (b.axpby(y, 2, x, 1), b.axpby(y, 3, x, 1)),
  "a part of it, then all": (b, y, x) => {
    b.axpby(columnsOf(y, 1, 3), 2, columnsOf(x, 1, 3), 1);
    b.axpby(y, 2, x, 1);
  },
  "all of it, then a part": (b, y, x) => {
    b.axpby(y, 2, x, 1);
    b.axpby(columnsOf(y, 1, 3), 2, columnsOf(x, 1, 3), 1);
  },
  "a step of weights, some of which decay": (b, y, x) => b.takeStep(y, 2, x, 0.5, 3),
  "a step of weights, all of which decay, after a copy": (b, y, x, passing) => {
    b.axpby(passing, 1, y, 0);
    b.takeStep(y, 2, x, 0.5, 4);
  },
  "moments": (b, y, x) => {
    b.scope(() => {
      const [out, gradient] = [b.scratch(y.rows, y.cols), b.scratch(y.rows, y.cols)];
      b.axpby(gradient, 3, x, 0);
      b.adamDirection(out, y, x, gradient, adam);
    });
  },
  "moments whose direction it is": (b, y, x) => {
    b.scope(() => {
      const [m, v] = [b.scratch(y.rows, y.cols), b.scratch(y.rows, y.cols)];
      for (const moment of [m, v]) b.axpby(moment, 1, x, 0);
      b.adamDirection(y, m, v, x, adam);
    });
  },
  "after it has been copied to what passes": (b, y, x, passing) => {
    b.axpby(passing, 1, y, 0);
    b.axpby(y, 2, x, 1);
  },
  "after a copy that is then overwritten": (b, y, x, passing) => {
    b.axpby(passing, 1, y, 0);
    b.axpby(y, 2, x, 1);
    b.axpby(passing, 5, x, 0);
    b.axpby(columnsOf(y, 0, 1), 2, columnsOf(x, 0, 1), 1);
  },
  "after a copy that is overwritten before": (b, y, x, passing) => {
    b.axpby(passing, 1, y, 0);
    b.write(passing, numbers(12, -7));
    b.axpby(y, 2, x, 1);
  },
  "by the host": (b, y) => b.write(y, numbers(12, -1)),
};

for (const [name, create] of Object.entries(kernels)) {
  for (const [what, change] of Object.entries(changes)) {
    Deno.test(`undoable() puts back what was changed: ${what} [${name}]`, () => {
      using backend = new CheckedBackend(create(), []);
      const run = (fails: boolean): number[][] => {
        using y = backend.alloc(3, 4);
        using x = backend.alloc(3, 4);
        using passing = backend.alloc(3, 4);
        backend.write(y, numbers(12));
        backend.write(x, numbers(12, 10));
        const now = () => [y, x].map((m) => [...backend.readSync(m)]);
        const seen: number[][] = [];
        // Room is used again: what the first work has left behind must not come through in the second.
        for (let i = 0; i < 3; i++) {
          const before = now();
          const work = () =>
            backend.undoable(() => {
              change(backend, y, x, passing);
              if (fails && i !== 1) throw new OptionError("Cannot go on", "x", "must be less", 1);
            }, [passing]);
          if (fails && i !== 1) {
            assert.throws(work, OptionError);
            assert.deepEqual(now(), before);
          } else work();
          seen.push(...now());
        }
        return seen;
      };
      const undisturbed = run(false);
      // The one that did not fail did what it does alone.
      assert.deepEqual(run(true).slice(2, 4), undisturbed.slice(0, 2));
      assert.equal(backend.memory().handles, 0);
    });
  }

  Deno.test(`undoable() takes no more memory after the second time, and gives all back [${name}]`, () => {
    using backend = new CheckedBackend(create(), []);
    const before = backend.memory();
    {
      using y = backend.alloc(300, 200);
      using x = backend.alloc(300, 200);
      const step = () => backend.undoable(() => backend.axpby(y, 1, x, 1));
      step();
      const { reservedBytes } = backend.memory();
      for (let i = 0; i < 5; i++) step();
      assert.equal(backend.memory().reservedBytes, reservedBytes);
    }
    const after = backend.memory();
    assert.equal(after.liveBytes, before.liveBytes);
    if (name === "reference") assert.equal(after.reservedBytes, before.reservedBytes);
  });
}

/** Numbers that a copy by arithmetic would change: negative zeros and denormals. */
const delicate = Float32Array.from({ length: 1000 }, (_, i) => [-0, 1e-42, i, -i][i % 4]);

/** Makes work that is refused or not; what x held before, and what x and the flag hold afterwards. */
async function judged(backend: Backend, refused: number): Promise<Float32Array[]> {
  using x = backend.alloc(10, 100);
  using flag = backend.alloc(1, 2);
  backend.write(x, delicate);
  const before = Float32Array.from(await backend.read(x));
  const cell = columnsOf(flag, 1, 2);
  backend.undoable(
    () => {
      backend.axpby(x, 0, x, 2);
      backend.write(cell, [refused]);
    },
    [],
    cell,
  );
  const after = [x, cell].map(async (m) => Float32Array.from(await backend.read(m)));
  return [before, ...await Promise.all(after)];
}

const doubled = delicate.map((x) => Math.fround(2 * x));

for (const [name, create] of Object.entries(kernels)) {
  Deno.test(`undoable() puts back, where a flag says so, all but the flag [${name}]`, async () => {
    using backend = new CheckedBackend(create(), []);
    const [before, kept, flag] = await judged(backend, 1);
    assert.deepEqual([kept, flag], [before, Float32Array.of(1)]);
    const [, taken] = await judged(backend, 0);
    taken.forEach((x, i) => assert(Math.abs(x - doubled[i]) <= 1e-40));
  });
}

for (const bindingBytes of [1024, undefined]) {
  const where = bindingBytes === undefined ? "" : `, ${bindingBytes} bytes at a time`;
  gpuTest(`undoable() puts back, where the device finds a flag, every bit${where}`, async () => {
    const gpu = bindingBytes === undefined ? {} : { bindingBytes };
    using backend = await createBackend({ prefer: ["webgpu"], allowSoftware: true, gpu });
    const [before, kept, flag] = await judged(backend, 1);
    for (const numbers of [before, kept]) {
      assert.deepEqual(new Uint32Array(numbers.buffer), new Uint32Array(delicate.buffer));
    }
    assert.equal(flag[0], 1);
    const [, taken] = await judged(backend, 0);
    taken.forEach((x, i) => assert(Math.abs(x - doubled[i]) <= 1e-40));
    using y = backend.alloc(1, 1);
    const stop = () => {
      backend.write(y, [1]);
      throw new OptionError("Cannot go on", "x", "must be less", 1);
    };
    assert.throws(() => backend.undoable(stop), OptionError);
    assert.deepEqual([...await backend.read(y)], [0]);
  });
}
