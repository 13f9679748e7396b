import assert from "#assert";
import { type Backend, createBackend, EighStatus } from "@tekfac/tekfac/backend";
import { columnsOf, type Matrix, rowsOf, StateError } from "@tekfac/tekfac/core";
import { div, formula, mul } from "@tekfac/tekfac/formula";
import { selfCheck } from "@tekfac/tekfac/testing";
import { gpuTest } from "../parity/_parity.ts";

/** Waits of the host for the device while `body` runs. */
async function countWaits(body: () => Promise<void>): Promise<number> {
  const { mapAsync } = GPUBuffer.prototype;
  let count = 0;
  GPUBuffer.prototype.mapAsync = function (...call) {
    count++;
    return mapAsync.apply(this, call);
  };
  try {
    await body();
  } finally {
    GPUBuffer.prototype.mapAsync = mapAsync;
  }
  return count;
}

/** A new matrix of these numbers in one row. */
function row(gpu: Backend, ...numbers: number[]) {
  const m = gpu.alloc(1, numbers.length);
  gpu.write(m, numbers);
  return m;
}

/** A device of the test's own. */
async function ownDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  return await adapter!.requestDevice();
}

gpuTest("selfCheck() finds no error larger than allowed", async (gpu) => {
  const { passed, text } = await selfCheck(gpu);
  assert.ok(passed, text);
});

gpuTest("read() is shared by all that is asked for before one is awaited", async (gpu) => {
  using x = row(gpu, 1, 2, 3);
  using y = gpu.alloc(100, 300);
  const waits = await countWaits(async () => {
    const reads = [gpu.read(x), gpu.read(columnsOf(x, 1, 3)), gpu.read(x)];
    gpu.axpby(x, 2, x, 0);
    reads.push(gpu.read(x));
    const numbers = (await Promise.all(reads)).map((n) => [...n]);
    assert.deepEqual(numbers, [[1, 2, 3], [2, 3], [1, 2, 3], [2, 4, 6]]);
  });
  assert.equal(waits, 1);
  // More than a staging buffer holds.
  assert.equal((await gpu.read(y)).length, 30000);
});

gpuTest("numbers go to buffers of other code and back on the device alone", async (gpu) => {
  const { device, copyFrom, copyTo } = gpu.gpu!;
  const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const buffer = device.createBuffer({ size: 16, usage });
  using x = gpu.alloc(2, 3);
  gpu.write(x, [1, 2, 3, 4, 5, 6]);
  using y = row(gpu, 0, 0, 0, 0);
  using z = gpu.alloc(2, 4);
  const waits = await countWaits(() => {
    gpu.axpby(x, 10, x, 0); // enqueued before the copy
    copyTo(buffer, columnsOf(x, 1, 3)); // a view with gaps
    copyFrom(y, buffer);
    copyFrom(columnsOf(z, 2, 4), buffer);
    // Overwritten afterwards, which nobody notices.
    device.queue.writeBuffer(buffer, 0, new Float32Array(4));
    return Promise.resolve();
  });
  assert.equal(waits, 0);
  assert.deepEqual([...await gpu.read(y)], [20, 30, 50, 60]);
  assert.deepEqual([...await gpu.read(z)], [0, 0, 20, 30, 0, 0, 50, 60]);
  buffer.destroy();

  const gone = row(gpu, 1);
  gone[Symbol.dispose]();
  assert.throws(() => copyFrom(gone, buffer), StateError);
  assert.throws(() => copyTo(buffer, gone), StateError);
});

gpuTest("verbs of a hundred steps wait for nothing", async (gpu) => {
  using x = row(gpu, 1, 2, 3, 4);
  using matrix = gpu.alloc(40, 40);
  using vectors = gpu.alloc(40, 40);
  using values = gpu.alloc(1, 40);
  using status = gpu.alloc(1, 3);
  using finite = gpu.alloc(1, 1);
  const waits = await countWaits(async () => {
    for (let step = 0; step < 100; step++) {
      gpu.write(x, [step, 1, 2, 3]);
      gpu.scope(() => {
        const square = gpu.scratch(1, 4);
        gpu.squares(square, x);
        gpu.axpby(x, 0.5, square, 0.25);
        gpu.allFinite(finite, x);
        gpu.zeroUnless(x, finite);
      });
      if (step % 50 === 0) gpu.eigh([{ matrix, vectors, values, status }]);
    }
    await gpu.flush();
  });
  assert.equal(waits, 0);
  assert.deepEqual([...await gpu.read(x)], [99 ** 2 / 2 + 99 / 4, 0.75, 2.5, 5.25]);
});

gpuTest("write() comes behind verbs that are enqueued already", async (gpu) => {
  using x = row(gpu, 1, 2);
  using sum = gpu.alloc(1, 1);
  gpu.sum(sum, x);
  gpu.write(x, [10, 20]);
  gpu.sum(sum, x, { decay: 1 });
  gpu.write(columnsOf(x, 0, 1), [5]);
  assert.deepEqual([...await gpu.read(sum)], [33]);
  assert.deepEqual([...await gpu.read(x)], [5, 20]);
});

gpuTest("write() fills views with gaps and leaves the gaps alone", async (gpu) => {
  using x = gpu.alloc(2, 3);
  gpu.write(x, [1, 2, 3, 4, 5, 6]);
  gpu.write(columnsOf(x, 1, 3), [20, 30, 50, 60]);
  assert.deepEqual([...await gpu.read(x)], [1, 20, 30, 4, 50, 60]);
  assert.deepEqual([...await gpu.read(columnsOf(x, 0, 2))], [1, 20, 4, 50]);
});

gpuTest("alloc() gives zeros and memory is used again", async (gpu) => {
  const first = row(gpu, ...new Array(1000).fill(7));
  first[Symbol.dispose]();
  const { reservedBytes } = gpu.memory();
  using second = gpu.alloc(1, 1000);
  assert.equal(gpu.memory().reservedBytes, reservedBytes);
  assert.ok((await gpu.read(second)).every((value) => value === 0));
  for (let i = 0; i < 10; i++) {
    gpu.scope(() => gpu.axpby(gpu.scratch(10, 90), 1, gpu.scratch(10, 90), 0));
  }
  assert.equal(gpu.memory().liveBytes, 4000);
});

const BOTH = formula({ x: "number", y: "number" }, ({ x, y }) => ({
  product: mul(x, y),
  ratio: div(x, y),
}));

gpuTest("verbs take inputs and outputs from one storage", async (gpu) => {
  using all = gpu.alloc(1, 8);
  gpu.write(all, [2, 8, 4, 0, 0, 3, 5, 7]);
  const at = (i: number): Matrix => columnsOf(all, i, i + 1);
  gpu.evaluate(BOTH, { x: at(1), y: at(0) }, { product: at(3), ratio: at(4) });
  gpu.dot(at(5), at(3), at(1));
  gpu.axpby(at(7), at(0), at(6), at(1));
  assert.deepEqual([...await gpu.read(all)], [2, 8, 4, 16, 4, 128, 5, 66]);

  using wide = gpu.alloc(2, 5);
  gpu.write(wide, [1, 2, 0, 0, 0, 3, 4, 0, 0, 0]);
  gpu.appendOnes(columnsOf(wide, 2, 5), columnsOf(wide, 0, 2));
  gpu.activation("relu", rowsOf(wide, 0, 1), rowsOf(wide, 1, 2));
  assert.deepEqual([...await gpu.read(wide)], [3, 4, 3, 4, 1, 3, 4, 3, 4, 1]);

  // Three outputs of one storage, two of them with gaps.
  using adam = gpu.alloc(2, 4);
  gpu.write(adam, [0, 0, 0, 2, 0, 0, 0, -4]);
  const column = (i: number): Matrix => columnsOf(adam, i, i + 1);
  const numbers = { beta1: 0.5, beta2: 0.75, epsilon: 0, count: 1 };
  gpu.adamDirection(column(0), column(1), column(2), column(3), numbers);
  assert.deepEqual([...await gpu.read(adam)], [1, 1, 1, 2, -1, -2, 4, -4]);
});

gpuTest("eigh() writes the status of two jobs into one matrix", async (gpu) => {
  using matrix = row(gpu, 2, 1, 1, 2);
  using out = gpu.alloc(6, 2);
  using status = gpu.alloc(2, 3);
  const x = { ...matrix, rows: 2, cols: 2, stride: 2 };
  gpu.eigh([0, 1].map((i) => ({
    matrix: x,
    vectors: rowsOf(out, 3 * i, 3 * i + 2),
    values: rowsOf(out, 3 * i + 2, 3 * i + 3),
    status: rowsOf(status, i, i + 1),
  })));
  const word = [...await gpu.read(status)];
  assert.deepEqual([word[0], word[1], word[3], word[4]], [EighStatus.jacobi, -1, 1, -1]);
  const numbers = await gpu.read(out);
  for (const values of [numbers.slice(4, 6), numbers.slice(10, 12)]) {
    assert.ok(Math.abs(values[0] - 1) < 1e-6 && Math.abs(values[1] - 3) < 1e-6);
  }
});

gpuTest(
  "choleskyInverse() reports an indefinite or infinite matrix, leaves out alone",
  async (gpu) => {
    for (const x of [[1, 2, 2, 1], [NaN, 0, 0, 1], [Infinity, 0, 0, 1], [0, 0, 0, 0]]) {
      using matrix = gpu.alloc(2, 2);
      using out = gpu.alloc(2, 2);
      using status = gpu.alloc(1, 1);
      gpu.write(matrix, x);
      gpu.write(out, [1, 2, 3, 4]);
      gpu.choleskyInverse(out, matrix, 1, 0, status);
      assert.deepEqual([...await gpu.read(status)], [0]);
      assert.deepEqual([...await gpu.read(out)], [1, 2, 3, 4]);
    }
  },
);

gpuTest("secondMoment() is exactly symmetric and flushes denormals", async (gpu) => {
  for (const d of [1, 5, 17, 64]) {
    using x = gpu.alloc(700, d);
    using c = gpu.alloc(d, d);
    gpu.write(x, Float32Array.from({ length: 700 * d }, (_, i) => Math.sin(i)));
    gpu.secondMoment(c, x);
    const full = await gpu.read(c);
    for (let i = 0; i < d; i++) {
      for (let j = 0; j < i; j++) assert.equal(full[i * d + j], full[j * d + i]);
    }
    gpu.write(c, new Float32Array(d * d).fill(1e-36));
    gpu.write(x, new Float32Array(700 * d));
    for (let step = 0; step < 100; step++) gpu.secondMoment(c, x, { decay: 0.1 });
    assert.ok((await gpu.read(c)).every((value) => value === 0));
  }
});

gpuTest("a view larger than a binding may be is divided, a larger buffer an error", async () => {
  const device = await ownDevice();
  const { maxStorageBufferBindingSize } = device.limits;
  using gpu = await createBackend({ prefer: ["webgpu"], device });
  const cols = 1 << 20;
  const rows = maxStorageBufferBindingSize / (4 * cols) + 1;
  using x = gpu.alloc(rows, cols);
  using sum = gpu.alloc(1, 1);
  gpu.write(rowsOf(x, rows - 1, rows), new Float32Array(cols).fill(2));
  gpu.sum(sum, rowsOf(x, rows - 1, rows));
  assert.deepEqual([...await gpu.read(sum)], [2 * cols]);
  gpu.sum(sum, x);
  assert.deepEqual([...await gpu.read(sum)], [2 * cols]);
  const most = device.limits.maxBufferSize;
  assert.throws(() => gpu.alloc(1, most), new RegExp(`matrix of ${4 * most} bytes.* ${most} per`));
});

gpuTest("a lost device is an error of every later call, and of reads under way", async () => {
  const device = await ownDevice();
  using gpu = await createBackend({ prefer: ["webgpu"], device });
  using x = row(gpu, 1, 2);
  const pending = gpu.read(x);
  device.destroy();
  const lost = { name: "BackendError", message: /^Backend 'webgpu': device lost: / };
  await assert.rejects(pending, lost);
  assert.throws(() => gpu.squares(x, x), lost);
  assert.throws(() => gpu.write(x, [1, 2]), lost);
  assert.throws(() => gpu.alloc(1, 1), lost);
  await assert.rejects(gpu.read(x), lost);
  await assert.rejects(gpu.flush(), lost);
});

gpuTest("a device that was given is not destroyed, and its memory is given back", async () => {
  const device = await ownDevice();
  for (let i = 0; i < 2; i++) {
    using gpu = await createBackend({ prefer: ["webgpu"], device });
    using x = row(gpu, 3, 4);
    gpu.squares(x, x);
    assert.deepEqual([...await gpu.read(x)], [9, 16]);
  }
  device.destroy();
});

gpuTest("createBackend() refuses a software adapter unless it is asked for", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  if (!/llvmpipe|swiftshader/i.test(adapter!.info.description)) return;
  await assert.rejects(
    createBackend({ prefer: ["webgpu"] }),
    /webgpu: software adapter .*: pass allowSoftware to use it/,
  );
});
