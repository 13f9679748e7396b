/** For a page: the kernels of the GPU against the reference, with subgroups and without. */
import { createBackend } from "@tekfac/tekfac/backend";
import { selfCheck } from "@tekfac/tekfac/testing";

/** More than a workgroup of 256 in every workgroup of a reduction; all sums are exact, in any order. */
const COUNT = 100_001;

/** Texts of the kernels that are compiled while `body` runs. */
async function compiledBy(body) {
  const { createShaderModule } = GPUDevice.prototype;
  const texts = [];
  GPUDevice.prototype.createShaderModule = function (descriptor) {
    texts.push(descriptor.code);
    return createShaderModule.call(this, descriptor);
  };
  try {
    await body();
  } finally {
    GPUDevice.prototype.createShaderModule = createShaderModule;
  }
  return texts;
}

/** `sum_i i mod 8` and `sum_i (i mod 8)^2`. */
async function sums(backend) {
  const x = backend.alloc(1, COUNT), out = backend.alloc(1, 2);
  backend.write(x, Float32Array.from({ length: COUNT }, (_, i) => i % 8));
  backend.sum({ ...out, cols: 1 }, x);
  backend.dot({ ...out, cols: 1, offset: 1 }, x, x);
  const numbers = [...await backend.read(out)];
  x[Symbol.dispose]();
  out[Symbol.dispose]();
  return numbers;
}

/**
 * What comes of `gpu.subgroups`.
 *
 * @param subgroups `"auto"` or `"off"`.
 */
globalThis.checkSubgroups = async (subgroups) => {
  const result = {};
  const texts = await compiledBy(async () => {
    const options = { prefer: ["webgpu"], allowSoftware: true, gpu: { subgroups } };
    const backend = await createBackend(options);
    const { passed, text } = await selfCheck(backend);
    Object.assign(result, { passed, text, sums: await sums(backend) });
    backend[Symbol.dispose]();
  });
  const kernels = texts.filter((text) => text.includes("fn workgroupSum("));
  result.kernels = kernels.length;
  result.withSubgroups = kernels.filter((text) => text.startsWith("enable subgroups;")).length;
  return result;
};
