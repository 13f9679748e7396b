/** Disks that are full now and then while a training saves. */
import { createBackend } from "@tekfac/tekfac/backend";
import { loadState, type Optimizer, saveState } from "@tekfac/tekfac/optim";
import type { BatchLike } from "@tekfac/tekfac/nn";
import { readWhole, Saving } from "../../../src/cli/mod.ts";
import type { Storm } from "../storm.ts";
import { batchOf, begin, checkSame, randomTask, stateAfter } from "../task.ts";

const STEPS = 12;

/** Bytes of the disk: a few states of the trainings here. */
const DISK = 512 * 1024;

export const disks: Storm = {
  name: "disks",
  weight: 1,
  async missing() {
    try {
      await using _disk = await smallDisk();
      return undefined;
    } catch (error) {
      return `no small tmpfs can be mounted (${error instanceof Error ? error.message : error})`;
    }
  },
  async round(random) {
    await using disk = await smallDisk();
    const task = randomTask(random);
    using backend = await createBackend({ prefer: ["wasm"] });
    const expected = await stateAfter(backend, task, STEPS);
    const path = `${disk.directory}/state.safetensors`, rest = `${disk.directory}/others`;
    const saving = new Saving(path);
    const { error: print } = console;
    let failures = 0;
    console.error = () => failures++;
    try {
      using training = begin(backend, task);
      for (let step = 0; step < STEPS; step++) {
        training.optimizer.stepSync(batchOf(task, step));
        // Others take nearly all, or give it back.
        await Deno.writeFile(
          rest,
          new Uint8Array(random.integer(2) * (DISK - random.integer(DISK / 8))),
        )
          .catch(() => {});
        const failed = failures;
        await saving.write(() => saveState(training.optimizer));
        await checkFile(path, training.optimizer, failures > failed ? undefined : step + 1);
        const names = (await Array.fromAsync(Deno.readDir(disk.directory))).map(({ name }) => name);
        if (names.length > 2) throw new Error(`left behind: ${names.join(", ")}`);
      }
      await Deno.remove(rest);
      await saving.end();
    } finally {
      console.error = print;
    }
    checkSame(await readWhole(path), expected, task);
    return { "saves that a full disk refused": failures, "saves in all": STEPS };
  },
};

/** What is there is whole: the state of this step or, where it could not be written, of an earlier one. */
async function checkFile(
  path: string,
  optimizer: Optimizer<BatchLike>,
  step: number | undefined,
): Promise<void> {
  const bytes = await readWhole(path).catch(() => undefined);
  if (bytes === undefined) {
    if (step === undefined) return;
    throw new Error("nothing was saved, and nobody was told");
  }
  const now = await saveState(optimizer);
  const found = loadState(optimizer, bytes).step;
  loadState(optimizer, now);
  if (step !== undefined && found !== step) throw new Error(`step ${found} was saved, not ${step}`);
}

/** A disk of its own. */
async function smallDisk(): Promise<AsyncDisposable & { readonly directory: string }> {
  const directory = await Deno.makeTempDir({ prefix: "chaos-disk-" });
  const command = async (name: string, ...args: string[]): Promise<void> => {
    const { success, stderr } = await new Deno.Command(name, { args }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr).trim());
  };
  try {
    await command("mount", "-t", "tmpfs", "-o", `size=${DISK}`, "tmpfs", directory);
  } catch (error) {
    await Deno.remove(directory);
    throw error;
  }
  return {
    directory,
    async [Symbol.asyncDispose]() {
      await command("umount", directory);
      await Deno.remove(directory);
    },
  };
}
