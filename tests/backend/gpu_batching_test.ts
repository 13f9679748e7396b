import assert from "#assert";
import { dense, objective, sequential, sgd, squaredError, tanh } from "@tekfac/tekfac";
import { createBackend } from "@tekfac/tekfac/backend";
import { gpuTest } from "../parity/_parity.ts";

/** Steps that are counted, after as many that fill caches and pools: in all fewer than make it look whether they stand. */
const STEPS = 15;

gpuTest("a step makes nothing anew and goes to the device in one command buffer", async () => {
  const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
  const counts: Record<string, number> = {};
  const count = (owner: object, name: string): void => {
    const method = Reflect.get(owner, name) as (...call: unknown[]) => unknown;
    Reflect.set(owner, name, (...call: unknown[]) => {
      counts[name] = (counts[name] ?? 0) + 1;
      return method.apply(owner, call);
    });
  };
  for (const name of ["createBuffer", "createBindGroup", "createComputePipeline"]) {
    count(device, name);
  }
  count(device.queue, "submit");
  count(device.queue, "writeBuffer");
  {
    using gpu = await createBackend({ prefer: ["webgpu"], device });
    const layers = [dense(6), tanh(), dense(3)];
    using model = sequential(gpu, { input: [9], layers, seed: 1 });
    using optimizer = sgd(objective(model, squaredError()));
    const batch = { inputs: new Float32Array(8 * 9), targets: new Float32Array(8 * 3) };
    for (let step = 0; step < STEPS; step++) optimizer.step(batch);
    for (const name in counts) counts[name] = 0;
    for (let step = 0; step < STEPS; step++) optimizer.step(batch);
    await gpu.flush();
  }
  device.destroy();
  const { submit, writeBuffer, ...made } = counts;
  assert.deepEqual(made, { createBuffer: 0, createBindGroup: 0, createComputePipeline: 0 });
  // One per step, when the next batch is uploaded, and one of the flush.
  assert.ok(submit <= STEPS + 1, `${submit} submissions`);
  // Of a step: inputs, targets, a number of the report, and the parameters of all its kernels together.
  assert.ok(writeBuffer <= 4 * STEPS + 1, `${writeBuffer} uploads`);
});
