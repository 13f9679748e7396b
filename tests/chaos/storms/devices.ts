/** GPU devices that are lost while a training runs on them. */
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { saveState } from "@tekfac/tekfac/optim";
import type { Storm } from "../storm.ts";
import { batchOf, begin, checkSame, randomTask, type Task } from "../task.ts";

const STEPS = 10;

export const devices: Storm = {
  name: "devices",
  weight: 3,
  async missing() {
    return await navigator.gpu?.requestAdapter()
      ? undefined
      : "no WebGPU adapter, not even in software";
  },
  async round(random) {
    const task = randomTask(random);
    const expected = await trained(task, { everySteps: 1000 }, () => Promise.resolve());
    const made: GPUDevice[] = [];
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...options) {
      const device = await requestDevice.apply(this, options);
      made.push(device);
      return device;
    };
    try {
      let losses = 0, stepsLost = 0;
      const recovery = {
        everySteps: 1 + random.integer(4),
        onLoss: (loss: { stepsLost: number }) => {
          losses++;
          stepsLost += loss.stepsLost;
        },
      };
      // One that did not last is followed by WebAssembly, whose numbers differ in the last bits.
      let left = 1;
      const found = await trained(task, recovery, async (step) => {
        if (left === 0 || step === 0 || random.integer(4) > 0) return;
        left--;
        made.at(-1)!.destroy();
        await made.at(-1)!.lost;
      });
      checkSame(found, expected, task);
      return { "devices lost": losses, "steps taken again": stepsLost };
    } finally {
      GPUAdapter.prototype.requestDevice = requestDevice;
    }
  },
};

/** Trains on a device that may be lost, by batches of the step's number; the state at the end. */
async function trained(
  task: Task,
  recovery: {
    readonly everySteps: number;
    readonly onLoss?: (loss: { stepsLost: number }) => void;
  },
  lose: (step: number) => Promise<void>,
): Promise<Uint8Array> {
  using backend: Backend = await createBackend({
    prefer: ["webgpu"],
    allowSoftware: true,
    recovery,
  });
  using training = begin(backend, task);
  const { optimizer } = training;
  while (optimizer.stepCount < STEPS) {
    await lose(optimizer.stepCount);
    // Where it was lost, the number of the step is that of a snapshot then.
    await backend.flush();
    await optimizer.step(batchOf(task, optimizer.stepCount)).report();
  }
  return await saveState(optimizer);
}
