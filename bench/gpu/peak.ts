/**
 * What a GPU can add and multiply when nothing is loaded: the limit that rates are compared with.
 *
 * @module
 */

import { timeEnqueued } from "./device.ts";

/** Multiply-adds of an invocation: 16 independent chains of vectors of four, long enough to hide latency. */
const CHAINS = 16;
const STEPS = 256;
const INVOCATIONS = 256;
/** Enough workgroups that the largest GPUs are filled several times over. */
const WORKGROUPS = 4096;
const SOFTWARE_WORKGROUPS = 16;

/** Two floating-point operations per component. */
const OPERATIONS = CHAINS * 4 * 2 * STEPS * INVOCATIONS;

const chains = (line: (chain: number) => string): string =>
  Array.from({ length: CHAINS }, (_, chain) => line(chain)).join("\n");

const SOURCE = `
@group(0) @binding(0) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(${INVOCATIONS})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  // Unknown to the compiler, so that nothing is computed beforehand.
  let factor = vec4(out[0]);
  let summand = vec4(out[1]) + f32(id.x);
  ${chains((c) => `var v${c} = summand * ${c + 1}.0;`)}
  for (var step = 0u; step < ${STEPS}u; step++) {
    ${chains((c) => `v${c} = fma(v${c}, factor, summand);`)}
  }
  let all = ${Array.from({ length: CHAINS }, (_, c) => `v${c}`).join(" + ")};
  // Never true, which the compiler cannot know: nothing is left out, and nothing is stored.
  if (all.x + all.y + all.z + all.w == -1.0) { out[2] = all.x; }
}`;

/**
 * Measures operations per second on registers alone, in GFLOP/s.
 *
 * @returns A measurement, to be taken in turns with what is compared.
 */
export function createGpuPeak(device: GPUDevice, software: boolean): () => Promise<number> {
  const workgroups = software ? SOFTWARE_WORKGROUPS : WORKGROUPS;
  const pipeline = device.createComputePipeline({
    layout: "auto",
    compute: { module: device.createShaderModule({ code: SOURCE }), entryPoint: "main" },
  });
  const buffer = device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
  });
  device.queue.writeBuffer(buffer, 0, new Float32Array([0.5, 0.25, 0, 0]));
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer } }],
  });
  const run = (): void => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(workgroups);
    pass.end();
    device.queue.submit([encoder.finish()]);
  };
  const wait = (): Promise<unknown> => device.queue.onSubmittedWorkDone();
  return async () => {
    const ms = await timeEnqueued({ run, wait }, software ? 30 : 200);
    return workgroups * OPERATIONS / ms / 1e6;
  };
}
