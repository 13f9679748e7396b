/**
 * The options of a choice of backend, and the candidates that follow from them.
 *
 * @module
 */

import { OptionError } from "../../core/errors.ts";
import { checkChoice } from "../../core/options.ts";
import {
  callback,
  choice,
  flag,
  isRecord,
  maybe,
  number,
  optional,
  record,
  resolve,
  type SchemaOf,
  where,
} from "../../core/schema.ts";
import type { Candidate } from "../backend.ts";
import { BACKEND_VARIABLE, environmentVariable } from "./environment.ts";
import type { RecoveryOptions } from "../recovery.ts";
import type { StepProbe, TimingCache } from "./step_timing.ts";
import type { GpuOptions } from "../webgpu/device/gpu_options.ts";
import type { SimdFlavour } from "../wasm/module/probe.ts";

/** Name of an implementation. */
export type BackendName = "webgpu" | "wasm" | "reference";

/** The implementations there are. */
const BACKEND_NAMES: readonly BackendName[] = ["webgpu", "wasm", "reference"];

/** The same, for messages. */
const QUOTED = BACKEND_NAMES.map((name) => `'${name}'`).join(", ");

/** Options of {@linkcode createBackend}. */
export interface BackendOptions {
  /**
   * What may be chosen: the first of these that runs here or, with `model`, the fastest of them.
   * `"auto"` is what the environment variable `TEKFAC_BACKEND` names (`webgpu`, or several separated by
   * commas), where it is set and may be read without asking for a permission. Else it is WebAssembly,
   * then the reference; with `model` the faster of WebAssembly and a GPU. A GPU is asynchronous (use
   * `step()`, `evaluate()`, `read()`), so it is never chosen without being named or timed.
   *
   * @default {"auto"}
   */
  readonly prefer?: "auto" | readonly BackendName[];
  /**
   * A small training step like those to come, made by `stepProbe`: it is timed on every candidate, and
   * the fastest is chosen; one that is synchronous may be a twentieth slower.
   *
   * @default {nothing is timed}
   */
  readonly model?: StepProbe;
  /** Remembers what was timed, so that it is not timed again. @default {nothing is remembered} */
  readonly timings?: TimingCache;
  /**
   * The WebAssembly kernels, already compiled, for hosts that forbid compiling at run time; those of sequences
   * are in `relaxed.wasm` and `baseline.wasm` of the package.
   *
   * @default {compiled from the embedded binary}
   */
  readonly module?: WebAssembly.Module;
  /** Which WebAssembly build. @default {the best this host accepts} */
  readonly simd?: SimdFlavour;
  /**
   * Threads of the WebAssembly backend, the calling one included, 1 to 32; `"auto"`: one per core,
   * four at most. Large verbs are shared out, several eigenproblems are solved at once, and
   * {@linkcode Backend.beginEigh} runs beside other verbs. Where the host has no shared memory or no
   * workers there is one thread; `backend.info.description` tells. A worker that dies is left out from
   * then on, with a warning; a step in the middle of which it died throws `BackendError` and is undone.
   *
   * Results depend on the number of threads in the last bits (sums over examples are taken in as
   * many parts), but on nothing that happens at run time. Dispose the backend to end its workers.
   *
   * @default {1}
   */
  readonly threads?: number | "auto";
  /**
   * A script of the page's own for web workers to start from, where its policy (Content-Security-Policy,
   * `worker-src`) forbids `blob:` URLs: the address of the module `@tekfac/tekfac/worker`, or of one that
   * imports it. Runtimes with `node:worker_threads` do without.
   *
   * @default {text that comes with the library, as a blob: URL}
   */
  readonly workerUrl?: string | URL;
  /** Whether a GPU adapter that computes on the CPU will do for `"webgpu"`. @default {false} */
  readonly allowSoftware?: boolean;
  /** A GPU device to share with other code, which owns it. @default {a new device} */
  readonly device?: GPUDevice;
  /**
   * Whether training on a GPU goes on when the device is lost: on a new device or, where there is none,
   * on WebAssembly, from the last snapshot of everything on the backend, kept on the host. `{}` does so
   * with the defaults.
   *
   * @default {what is called after a loss throws BackendError}
   */
  readonly recovery?: RecoveryOptions;
  /** How a GPU computes. @default {tiles are tuned on hardware} */
  readonly gpu?: GpuOptions;
}

/** Most threads that can be asked for. */
const MOST_THREADS = 32;

/** Subject of the messages of this file. */
export const SUBJECT = "Cannot create a backend";

/** What may be chosen, in this order. */
export interface Candidates {
  /** The first that runs, or the fastest where a step is timed. */
  readonly names: readonly BackendName[];
  /** Taken where none of them runs; never timed. */
  readonly fallback: readonly BackendName[];
  /** Passed over from the beginning. */
  readonly unasked: readonly Candidate[];
  /** Where the names are from, in words. */
  readonly origin: string;
}

/** A GPU that is neither named nor timed: code that calls `stepSync` would fail on it. */
export const GPU_UNASKED: Candidate = {
  name: "webgpu",
  reason: "it is asynchronous: name it in 'prefer', or have a step timed with 'model'",
};

/**
 * Checks the options; returns the candidates.
 *
 * @throws {OptionError} For an unknown option or a value outside its range, in the environment too.
 */
export function candidatesOf(options: BackendOptions): Candidates {
  resolve(SUBJECT, options, backendSchema);
  const { prefer = "auto" } = options;
  if (prefer !== "auto") {
    const names = checkNames("prefer", prefer);
    return { names, fallback: [], unasked: [], origin: "'prefer'" };
  }
  const wanted = environmentVariable(BACKEND_VARIABLE)?.trim();
  if (wanted !== undefined && wanted !== "" && wanted !== "auto") {
    const names = checkNames(BACKEND_VARIABLE, wanted.split(",").map((name) => name.trim()));
    return { names, fallback: [], unasked: [], origin: BACKEND_VARIABLE };
  }
  const auto = { fallback: ["reference"], origin: "'auto'" } as const;
  return options.model === undefined
    ? { ...auto, names: ["wasm"], unasked: [GPU_UNASKED] }
    : { ...auto, names: ["webgpu", "wasm"], unasked: [] };
}

const threads = where(
  `'auto' or an integer from 1 to ${MOST_THREADS}`,
  (value): value is number | "auto" => value === "auto" || isThreadCount(value),
);

/** What the options take; names and what only GPUs need are checked where they are used. */
const backendSchema = {
  prefer: maybe(
    where(
      `'auto' or some of [${QUOTED}]`,
      (value): value is BackendOptions["prefer"] => value === "auto" || Array.isArray(value),
    ),
  ),
  model: maybe(
    where(
      "a step to time, as stepProbe makes it",
      (value): value is StepProbe => isRecord(value) && typeof value.build === "function",
    ),
  ),
  timings: maybe(where("a TimingCache", isObject)),
  module: maybe(
    where(
      "a WebAssembly.Module",
      (value): value is WebAssembly.Module => value instanceof WebAssembly.Module,
    ),
  ),
  simd: maybe(choice("relaxed", "baseline")),
  threads: maybe(threads),
  workerUrl: maybe(
    where(
      "a URL",
      (value): value is string | URL => typeof value === "string" || value instanceof URL,
    ),
  ),
  allowSoftware: optional(flag, false),
  device: maybe(
    where("a GPUDevice", (value): value is GPUDevice => isObject(value) && "queue" in value),
  ),
  recovery: maybe(record({
    everySteps: optional(number({ min: 1, integer: true }), 100),
    onLoss: maybe(callback<NonNullable<RecoveryOptions["onLoss"]>>("a function of the loss")),
  })),
  gpu: maybe(where("an object with options of a GPU", isRecord)),
} satisfies SchemaOf<BackendOptions>;

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function checkNames(option: string, names: unknown): BackendName[] {
  if (!Array.isArray(names) || names.length === 0) {
    throw new OptionError(SUBJECT, option, `must be 'auto' or some of [${QUOTED}]`, names);
  }
  return [...new Set(names.map((name) => checkChoice(SUBJECT, option, name, BACKEND_NAMES)))];
}

function isThreadCount(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= MOST_THREADS;
}
