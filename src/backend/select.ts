/**
 * Choosing a backend: what was asked for, what this host can do, what is fastest, and why the rest was
 * passed over.
 *
 * @module
 */

import { BackendError } from "../core/errors.ts";
import type { Backend, Candidate } from "./backend.ts";
import { CheckedBackend } from "./checked.ts";
import type { Kernels } from "./kernels.ts";
import { type BackendName, type BackendOptions, candidatesOf } from "./options.ts";
import { createReferenceKernels } from "./reference/kernels.ts";
import { type StepProbe, type StepTime, StepTimer } from "./step_timing.ts";
import { TimedBackend } from "./timed_backend.ts";
import { createWasmKernels } from "./wasm/wasm_kernels.ts";

/** How much slower than the fastest a synchronous backend may be and still be chosen. */
const WORTH_WAITING_FOR = 1.05;

/**
 * Creates the first backend of `prefer` that this host can run or, where a step of the `model` can be
 * timed, the one on which it is fastest. Why, and why not the others, is in `backend.info`.
 *
 * @returns The backend; the caller disposes it.
 * @throws {OptionError} For an unknown option or name.
 * @throws {BackendError} When no candidate can run; its reason names each with its own.
 *
 * @example The product of two matrices
 * ```ts
 * import assert from "node:assert/strict";
 * import { createBackend } from "@tekfac/tekfac/backend";
 *
 * using backend = await createBackend();
 * using a = backend.alloc(1, 2);
 * using out = backend.alloc(1, 1);
 * backend.write(a, [3, 4]);
 * backend.gemm(out, a, a, { transposeB: true });
 * assert.deepEqual([...await backend.read(out)], [25]);
 * ```
 */
export async function createBackend(options: BackendOptions = {}): Promise<Backend> {
  const { names, fallback, unasked, origin } = candidatesOf(options);
  const rejected = [...unasked];
  if (options.model !== undefined) {
    const fastest = await fastestOf(names, options, options.model, rejected);
    if (fastest !== undefined) return wrap(fastest, rejected, fallback);
  }
  const untried = options.model === undefined ? [...names, ...fallback] : fallback;
  for (const [i, name] of untried.entries()) {
    try {
      const kernels = await open(name, options);
      const reason = `the first of ${origin} that runs here`;
      return wrap({ name, kernels, reason }, rejected, untried.slice(i + 1));
    } catch (error) {
      rejected.push(rejectionOf(name, error));
    }
  }
  throw noneCanRun(rejected);
}

/**
 * The same at once, for backends that need no waiting: `"webgpu"` is rejected, and nothing is timed.
 *
 * @throws {OptionError | BackendError} As {@linkcode createBackend}.
 */
export function createBackendSync(
  options: Omit<BackendOptions, "model" | "timings"> = {},
): Backend {
  const { names, fallback, unasked, origin } = candidatesOf(options);
  const rejected = [...unasked];
  const untried = [...names, ...fallback];
  for (const [i, name] of untried.entries()) {
    try {
      const kernels = openSync(name, options);
      const reason = `the first of ${origin} that runs here`;
      return wrap({ name, kernels, reason }, rejected, untried.slice(i + 1));
    } catch (error) {
      rejected.push(rejectionOf(name, error));
    }
  }
  throw noneCanRun(rejected);
}

/** A candidate that runs here. */
interface Running {
  readonly name: BackendName;
  readonly kernels: Kernels;
}

/** The candidate that is chosen. */
type Chosen = Running & Candidate;

/** The public backend of what was chosen. */
function wrap(
  { name, kernels, ...why }: Chosen,
  rejected: Candidate[],
  untried: readonly BackendName[],
): Backend {
  const reason = `not needed: ${name} runs here`;
  const others = untried.map((other) => ({ name: other, reason }));
  return new CheckedBackend(kernels, [...rejected, ...others], { name, ...why });
}

/** The candidate on which a step of the model is fastest, if any runs; the others are disposed. */
async function fastestOf(
  names: readonly BackendName[],
  options: BackendOptions,
  model: StepProbe,
  rejected: Candidate[],
): Promise<Chosen | undefined> {
  const timer = new StepTimer(model, options.timings);
  const running: Running[] = [];
  const timed: (Running & StepTime)[] = [];
  let fastest: Chosen | undefined;
  try {
    for (const name of names) {
      try {
        running.push({ name, kernels: await open(name, options) });
      } catch (error) {
        rejected.push(rejectionOf(name, error));
      }
    }
    if (running.length === 1) return fastest = { ...running[0], reason: "the only one that runs" };
    // Where nothing has to be compiled there is no doubt what a step takes: those come first.
    for (const candidate of running.toSorted((a, b) => +b.kernels.sync - +a.kernels.sync)) {
      try {
        const time = await timer.time(new TimedBackend(candidate.kernels, []));
        timed.push({ ...candidate, ...time });
      } catch (error) {
        rejected.push(rejectionOf(candidate.name, error));
      }
    }
    return fastest = judge(timed, rejected);
  } finally {
    for (const { kernels } of running) if (kernels !== fastest?.kernels) kernels.dispose();
  }
}

/** The fastest, or a synchronous one that is as good; the others are rejected. */
function judge(
  timed: readonly (Running & StepTime)[],
  rejected: Candidate[],
): Chosen | undefined {
  const [fastest] = timed.toSorted((a, b) => a.stepMs - b.stepMs);
  if (fastest === undefined) return undefined;
  const most = fastest.stepMs * WORTH_WAITING_FOR;
  const best = timed.find(({ kernels, stepMs }) => kernels.sync && stepMs <= most) ?? fastest;
  for (const other of timed) {
    if (other === best) continue;
    const reason = !other.measured
      ? `too slow to begin: its first step took ${inWords(other)}`
      : other.stepMs < best.stepMs
      ? `hardly faster, and asynchronous: ${inWords(other)} per step`
      : `slower: ${inWords(other)} per step`;
    rejected.push({ name: other.name, reason, stepMs: other.stepMs });
  }
  const { name, kernels, stepMs } = best;
  return { name, kernels, reason: `fastest: ${inWords(best)} per step`, stepMs };
}

function inWords({ stepMs }: StepTime): string {
  return `${Number(stepMs.toPrecision(3))} ms`;
}

/** The reason why a candidate cannot run; errors of other kinds are thrown on. */
function rejectionOf(name: BackendName, error: unknown): Candidate {
  if (error instanceof BackendError) return { name, reason: error.reason };
  throw error;
}

function noneCanRun(rejected: readonly Candidate[]): BackendError {
  const reasons = rejected.map(({ name, reason }) => `${name}: ${reason}`).join("; ");
  return new BackendError(
    rejected.map(({ name }) => name).join(", "),
    `none can run here (${reasons})`,
  );
}

async function open(name: BackendName, options: BackendOptions): Promise<Kernels> {
  if (name !== "webgpu") return openSync(name, options);
  // The code for GPUs is loaded only where there is one to be used.
  const { openDevice } = await import("./webgpu/adapter.ts");
  const device = await openDevice(options);
  const { createWebGpuKernels } = await import("./webgpu/webgpu_kernels.ts");
  return createWebGpuKernels(device);
}

function openSync(name: BackendName, options: BackendOptions): Kernels {
  if (name === "reference") return createReferenceKernels();
  if (name === "webgpu") {
    throw new BackendError("webgpu", "it cannot be created at once: use await createBackend()");
  }
  const { simd, module, threads } = options;
  return createWasmKernels({
    ...(simd && { simd }),
    ...(module && { module }),
    ...(threads && { threads }),
  });
}
