import assert from "#assert";
import { createBackend, type GpuOptions } from "@tekfac/tekfac/backend";
import { rowsOf } from "@tekfac/tekfac/core";
import { gpuTest } from "../parity/_parity.ts";

/** Not a multiple of a workgroup; more than one sum of every invocation. */
const COUNT = 100_001;

const EXTENSION = "enable subgroups;\n";

/** A device with subgroups; nothing where the adapter has none. */
async function deviceWithSubgroups(): Promise<GPUDevice | undefined> {
  const adapter = await navigator.gpu.requestAdapter();
  const requiredFeatures = ["subgroups" as GPUFeatureName];
  return await adapter!.requestDevice({ requiredFeatures }).catch(() => undefined);
}

/**
 * Runs `body` with another compiler.
 *
 * @param edit What it makes of a kernel's text before it reads it.
 */
async function compiling(edit: (code: string) => string, body: () => Promise<void>): Promise<void> {
  const { createShaderModule } = GPUDevice.prototype;
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    return createShaderModule.call(this, { ...descriptor, code: edit(descriptor.code) });
  };
  try {
    await body();
  } finally {
    GPUDevice.prototype.createShaderModule = createShaderModule;
  }
}

/** Checks sums that are exact in any order, and a loss that has a maximum in it. */
async function checkSums(device: GPUDevice, gpu: GpuOptions): Promise<void> {
  using backend = await createBackend({ prefer: ["webgpu"], allowSoftware: true, device, gpu });
  using x = backend.alloc(1, COUNT);
  using out = backend.alloc(3, 1);
  using z = backend.alloc(2, 1000);
  using gradients = backend.alloc(2, 1000);
  using labels = backend.alloc(1, 2);
  using losses = backend.alloc(1, 2);
  backend.write(x, Float32Array.from({ length: COUNT }, (_, i) => i % 8));
  // All logits are equal and far below 0, so that the maximum may not be one that nobody gave.
  backend.write(z, new Float32Array(2000).fill(-200));
  backend.write(labels, [0, 999]);
  backend.sum(rowsOf(out, 0, 1), x);
  backend.dot(rowsOf(out, 1, 2), x, x);
  backend.allFinite(rowsOf(out, 2, 3), x);
  backend.loss("softmaxCrossEntropy", losses, gradients, z, labels);
  assert.deepEqual([...await backend.read(out)], [350_000, 1_750_000, 1]);
  for (const loss of await backend.read(losses)) {
    assert(Math.abs(loss - Math.log(1000)) < 1e-5, `loss ${loss}`);
  }
}

/** Runs the checks; how many kernels have sums, and how many of these use subgroups. */
async function kernelsOf(
  gpu: GpuOptions,
  edit: (code: string) => string,
): Promise<{ sums: number; bySubgroups: number } | undefined> {
  const device = await deviceWithSubgroups();
  if (device === undefined) return undefined;
  const count = { sums: 0, bySubgroups: 0 };
  const seen = (code: string): string => {
    if (code.includes("fn workgroupSum(")) {
      count.sums++;
      if (code.includes("subgroupAdd(")) count.bySubgroups++;
    }
    return edit(code);
  };
  await compiling(seen, () => checkSums(device, gpu));
  device.destroy();
  return count;
}

gpuTest("sums by subgroups are those without", async () => {
  // Deno's compiler knows the functions, and not the line that has to allow them.
  const withoutLine = (code: string): string => code.replace(EXTENSION, "");
  const auto = await kernelsOf({}, withoutLine);
  if (auto === undefined) return;
  assert.deepEqual(auto, { sums: 3, bySubgroups: 3 });
  assert.deepEqual(await kernelsOf({ subgroups: "off" }, withoutLine), { sums: 3, bySubgroups: 0 });
});

gpuTest("a compiler that does not know subgroups is not asked to use them", async () => {
  const refused = (code: string): string => code.replace(EXTENSION, "enable nothing;\n");
  const kernels = await kernelsOf({}, refused);
  if (kernels !== undefined) assert.deepEqual(kernels, { sums: 3, bySubgroups: 0 });
});

gpuTest("createBackend() refuses an unknown word for gpu.subgroups", async () => {
  await assert.rejects(
    createBackend({ prefer: ["webgpu"], gpu: { subgroups: "on" as "auto" } }),
    /'gpu.subgroups' must be one of/,
  );
});
