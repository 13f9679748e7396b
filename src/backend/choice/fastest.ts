/**
 * Choosing a backend by the time that a step of the user's model takes on it.
 *
 * @module
 */

import type { Candidate } from "../backend.ts";
import { type Chosen, rejectionOf, type Running } from "./choice.ts";
import type { Kernels } from "../kernels.ts";
import type { BackendName, BackendOptions } from "./options.ts";
import { type StepProbe, type StepTime, StepTimer } from "./step_timing.ts";
import { TimedBackend } from "./timed_backend.ts";

/** How much slower than the fastest a synchronous backend may be and still be chosen. */
const WORTH_WAITING_FOR = 1.05;

/** The candidate on which a step of the model is fastest, if any runs; the others are disposed. */
export async function fastestOf(
  names: readonly BackendName[],
  open: (name: BackendName) => Promise<Kernels>,
  model: StepProbe,
  rejected: Candidate[],
  timings: BackendOptions["timings"],
): Promise<Chosen | undefined> {
  const timer = new StepTimer(model, timings);
  const running: Running[] = [];
  const timed: (Running & StepTime)[] = [];
  let fastest: Chosen | undefined;
  try {
    for (const name of names) {
      try {
        running.push({ name, kernels: await open(name) });
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
