/** Processes that are killed while they save, and trainings that go on from what is left. */
import { fileURLToPath } from "node:url";
import { createBackend } from "@tekfac/tekfac/backend";
import type { Random } from "@tekfac/tekfac/core";
import { readWhole } from "../../../src/cli/mod.ts";
import type { Storm } from "../storm.ts";
import { checkSame, randomTask, stateAfter, type Task } from "../task.ts";

/** Steps, each followed by saving; more than a process comes to between two kills. */
const STEPS = 200;

/** Most processes that are killed in a round. */
const KILLS = 4;

const VICTIM = fileURLToPath(new URL("victim.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../../deno.json", import.meta.url));

export const kills: Storm = {
  name: "kills",
  weight: 4,
  async round(random) {
    const directory = await Deno.makeTempDir({ prefix: "chaos-" });
    const path = `${directory}/state.safetensors`;
    const task = randomTask(random);
    const counts = { "kills while saving": 0, "with a file half written": 0 };
    try {
      for (let i = 0; i < KILLS; i++) {
        if (!await killOne(random, path, task)) break;
        counts["kills while saving"]++;
        if ((await namesIn(directory)).length > 1) counts["with a file half written"]++;
      }
      // The last one is left alone: it goes on to the end, and clears up.
      const { success, stderr } = await victim(path, task).output();
      if (!success) throw new Error(new TextDecoder().decode(stderr));
      const names = await namesIn(directory);
      if (names.length !== 1) throw new Error(`left behind: ${names.join(", ")}`);
      using backend = await createBackend({ prefer: ["wasm"] });
      checkSame(await readWhole(path), await stateAfter(backend, task, STEPS), task);
      return counts;
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
};

function victim(path: string, task: Task): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", "--no-lock", "--config", CONFIG],
      ...[VICTIM, path, JSON.stringify(task), `${STEPS}`],
    ],
    stdout: "null",
    stderr: "piped",
  });
}

/** Kills one at a random moment after it has begun to save; false where it ended before that. */
async function killOne(random: Random, path: string, task: Task): Promise<boolean> {
  const watcher = Deno.watchFs(path.slice(0, path.lastIndexOf("/")));
  const process = victim(path, task).spawn();
  let ended = false;
  const status = process.status.then((state) => {
    ended = true;
    watcher.close();
    return state;
  });
  let left = 1 + random.integer(20);
  for await (const { kind } of watcher) {
    // A new file is one that is going to be written; renaming it is a change, too.
    if (kind === "access" || --left > 0) continue;
    for (const end = performance.now() + random.uniform(0, 2); performance.now() < end;);
    break;
  }
  if (!ended) process.kill("SIGKILL");
  await process.stderr.cancel();
  return !(await status).success;
}

async function namesIn(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name);
}
