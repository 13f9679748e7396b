/**
 * Compiled kernels and their bind groups, each made once.
 *
 * @module
 */

import type { PooledBuffer } from "./buffer_pool.ts";
import type { AnyShader, Overrides, Texts } from "./shader.ts";
import { sourceOf } from "./source.ts";
import { SLOT_BYTES } from "./command_stream.ts";

/** A buffer as a kernel sees it: all of it, or a part where it is larger than a binding may be. */
export interface BoundBuffer {
  /** The buffer. */
  readonly buffer: PooledBuffer;
  /** First byte, a multiple of 256. */
  readonly offset: number;
  /** Bytes. */
  readonly size: number;
}

/** Bind groups kept before they are made anew: far more than a training step uses. */
const MOST_GROUPS = 8192;

/** A pipeline and the layout of its bindings. */
export interface Pipeline {
  /** The compiled kernel. */
  readonly gpu: GPUComputePipeline;
  /** Its bindings, as a word of `r` and `w`; pipelines of equal words share bind groups. */
  readonly access: string;
}

/** Pipelines, layouts and bind groups of one device. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #uniforms: GPUBuffer;
  readonly #texts: Texts;
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  readonly #pipelines = new Map<string, Pipeline>();
  readonly #modules = new Map<string, GPUShaderModule>();
  readonly #groups = new Map<string, GPUBindGroup>();

  /** Starts empty; `uniforms` holds the `Params` of all kernels, `texts` what suits the device. */
  constructor(device: GPUDevice, uniforms: GPUBuffer, texts: Texts) {
    this.#device = device;
    this.#uniforms = uniforms;
    this.#texts = texts;
  }

  /**
   * A kernel, compiled at its first use.
   *
   * @param constants Values of its `override` constants.
   * @param texts Shared texts that take the place of others.
   */
  pipelineOf(shader: AnyShader, constants: Overrides, texts: Texts = {}): Pipeline {
    let key = shader.name;
    for (const name in texts) key += `/${texts[name]}`;
    const moduleKey = key;
    const values: Record<string, number> = {};
    for (const name in constants) {
      key += `,${name}=${constants[name]}`;
      values[name] = Number(constants[name]);
    }
    const known = this.#pipelines.get(key);
    if (known !== undefined) return known;
    const access = shader.bindings.map(({ written }) => written ? "w" : "r").join("");
    const gpu = this.#device.createComputePipeline({
      label: shader.name,
      layout: this.#device.createPipelineLayout({ bindGroupLayouts: [this.#layoutOf(access)] }),
      compute: {
        module: this.#moduleOf(moduleKey, sourceOf(shader, { ...this.#texts, ...texts })),
        entryPoint: "main",
        constants: values,
      },
    });
    const pipeline = { gpu, access };
    this.#pipelines.set(key, pipeline);
    return pipeline;
  }

  /** The bind group of a pipeline for these buffers, in the order of its bindings. */
  groupOf({ access }: Pipeline, buffers: readonly BoundBuffer[]): GPUBindGroup {
    let key = access;
    for (const { buffer, offset, size } of buffers) {
      key += `,${buffer.id}`;
      if (size !== buffer.size) key += `@${offset}:${size}`;
    }
    const known = this.#groups.get(key);
    if (known !== undefined) return known;
    if (this.#groups.size >= MOST_GROUPS) this.#groups.clear();
    const group = this.#device.createBindGroup({
      layout: this.#layoutOf(access),
      entries: [
        { binding: 0, resource: { buffer: this.#uniforms, size: SLOT_BYTES } },
        ...buffers.map(({ buffer, offset, size }, i) => ({
          binding: i + 1,
          resource: { buffer: buffer.gpu, offset, size },
        })),
      ],
    });
    this.#groups.set(key, group);
    return group;
  }

  /** Lets all bind groups go, and with them the buffers they refer to. */
  forgetGroups(): void {
    this.#groups.clear();
  }

  #moduleOf(key: string, code: string): GPUShaderModule {
    let module = this.#modules.get(key);
    if (module === undefined) {
      module = this.#device.createShaderModule({ label: key, code });
      this.#modules.set(key, module);
    }
    return module;
  }

  #layoutOf(access: string): GPUBindGroupLayout {
    let layout = this.#layouts.get(access);
    if (layout === undefined) {
      layout = this.#device.createBindGroupLayout({
        entries: [
          {
            binding: 0,
            visibility: GPUShaderStage.COMPUTE,
            buffer: { type: "uniform", hasDynamicOffset: true },
          },
          ...[...access].map((letter, i): GPUBindGroupLayoutEntry => ({
            binding: i + 1,
            visibility: GPUShaderStage.COMPUTE,
            buffer: { type: letter === "w" ? "storage" : "read-only-storage" },
          })),
        ],
      });
      this.#layouts.set(access, layout);
    }
    return layout;
  }
}
