/** A process that trains and saves after every step, until it is killed: `victim.ts FILE TASK STEPS`. */
import { createBackend } from "@tekfac/tekfac/backend";
import { loadState, saveState } from "@tekfac/tekfac/optim";
import { readWhole, writeWhole } from "../../../src/cli/mod.ts";
import { batchOf, begin, type Task } from "../task.ts";

const [path, text, steps] = Deno.args;
const task = JSON.parse(text) as Task;
using backend = await createBackend({ prefer: ["wasm"] });
using training = begin(backend, task);
const { optimizer } = training;
const bytes = await readWhole(path).catch(() => undefined);
if (bytes !== undefined) loadState(optimizer, bytes);
while (optimizer.stepCount < Number(steps)) {
  optimizer.stepSync(batchOf(task, optimizer.stepCount));
  await writeWhole(path, await saveState(optimizer));
}
