/** What cannot fit a device: errors that name the layer and the bytes. */
import assert from "#assert";
import {
  type Backend,
  CheckedBackend,
  createBackend,
  createReferenceKernels,
  type Kernels,
} from "@tekfac/tekfac/backend";
import { BackendError } from "@tekfac/tekfac/core";
import { conv2d, dense, flatten, objective, sequential, squaredError } from "@tekfac/tekfac/nn";
import { adam, sgd, soap, tekfac } from "@tekfac/tekfac/optim";
import { gpuTest } from "../parity/_parity.ts";

/** A backend that holds no matrix of more than so many numbers, and no more of them than there is room for. */
function smallBackend(most: number, room = { numbers: Infinity }): Backend {
  const inner = createReferenceKernels();
  const limited = (take: (length: number) => unknown) => (length: number) => {
    if (length > most || (room.numbers -= length) < 0) {
      throw new BackendError("small", `cannot hold ${8 * length} bytes`);
    }
    return take(length);
  };
  const kernels = new Proxy(inner, {
    get(_, key) {
      const value = inner[key as keyof Kernels];
      if (typeof value !== "function") return value;
      const bound = value.bind(inner) as (length: number) => unknown;
      return key === "allocate" || key === "scratch" ? limited(bound) : bound;
    },
  });
  return new CheckedBackend(kernels, []);
}

/** Expects that `body` cannot do something for a layer, and that this is all it says. */
function refusesLayer(backend: Backend, layer: string, bytes: number, body: () => void): void {
  const { handles } = backend.memory();
  assert.throws(body, {
    name: "BackendError",
    layer,
    message: `Backend 'small', layer '${layer}': cannot hold ${bytes} bytes`,
  });
  assert.equal(backend.memory().handles, handles);
}

Deno.test("sequential() names the layer whose weights do not fit, and leaves nothing behind", () => {
  using backend = smallBackend(200);
  const layers = [dense(10), dense(30)];
  refusesLayer(backend, "dense2", 8 * 30 * 11, () => {
    sequential(backend, { input: [9], layers });
  });
});

Deno.test("a pass names the layer whose outputs do not fit", () => {
  using backend = smallBackend(600);
  const layers = [conv2d(4, { kernel: 1 }), flatten(), dense(2)];
  using model = sequential(backend, { input: [4, 4, 2], layers });
  const goal = objective(model, squaredError());
  const batch = { inputs: new Float64Array(10 * 32), targets: new Float64Array(10 * 2) };
  refusesLayer(backend, "conv1", 8 * 10 * 16 * 4, () => {
    backend.scope(() => goal.differentiate(batch, undefined));
  });
});

Deno.test("tekfac() names the layer whose factors do not fit, and leaves nothing behind", () => {
  using backend = smallBackend(900);
  using model = sequential(backend, { input: [10], layers: [dense(30), dense(2)] });
  refusesLayer(backend, "dense2", 8 * 31 * 31, () => {
    tekfac(objective(model, squaredError()), { rank: 32 });
  });
});

Deno.test("soap() names the layer whose factors do not fit, and leaves nothing behind", () => {
  using backend = smallBackend(900);
  using model = sequential(backend, { input: [10], layers: [dense(30), dense(2)] });
  refusesLayer(backend, "dense2", 8 * 31 * 31, () => {
    soap(objective(model, squaredError()));
  });
});

Deno.test("moments and velocities without room name their layer, and leave nothing behind", () => {
  const room = { numbers: Infinity };
  using backend = smallBackend(Infinity, room);
  using model = sequential(backend, { input: [10], layers: [dense(30), dense(2)] });
  const goal = objective(model, squaredError());
  const [first, second] = model.parameters.map(({ value }) => value.rows * value.cols);

  room.numbers = 2 * first + second;
  refusesLayer(backend, "dense2", 8 * second, () => adam(goal));
  room.numbers = first;
  refusesLayer(backend, "dense2", 8 * second, () => sgd(goal));

  // Room for all but the velocities: the factors, which are there already, are given back as well.
  const plenty = 1e6;
  room.numbers = plenty;
  tekfac(goal, { momentum: false })[Symbol.dispose]();
  room.numbers = plenty - room.numbers;
  refusesLayer(backend, "dense1", 8 * first, () => tekfac(goal));
});

gpuTest("a factor larger than the device's buffers names the layer and the bytes", async () => {
  const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
  using gpu = await createBackend({ prefer: ["webgpu"], device });
  const { maxBufferSize: most } = device.limits;
  const features = Math.ceil(Math.sqrt(most / 4)) + 1;
  using model = sequential(gpu, { input: [features - 1], layers: [dense(1)] });
  assert.throws(() => tekfac(objective(model, squaredError()), { rank: "full" }), {
    name: "BackendError",
    message: `Backend 'webgpu', layer 'dense1': cannot hold a matrix of ${4 * features ** 2} ` +
      `bytes: the device allows ${most} per buffer`,
  });
});
