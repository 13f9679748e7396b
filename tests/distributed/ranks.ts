/**
 * Runs a program on the ranks of a group: in workers, or in processes of an MPI launcher.
 *
 * @module
 */

import { type Group, leaveRoom, threadRoom } from "@tekfac/tekfac/distributed";
import type { RankTask } from "./rank_worker.ts";

/** What a program's module exports as its default: plain data in, plain data out. */
export type RankProgram = (group: Group, argument: unknown) => unknown;

/** A form of groups that this host has, or has not. */
export interface Form {
  /** Name, for tests; says so where it is missing. */
  readonly name: string;
  /** Whether it is there. */
  readonly available: boolean;
  /** Runs a program and returns what it returned, by rank. */
  readonly run: (size: number, program: URL, argument?: unknown) => Promise<readonly unknown[]>;
}

/** What became of ranks that need not all end well. */
export interface Outcome {
  /** Results as far as there are any. */
  readonly results: readonly unknown[];
  /** All that was printed besides. */
  readonly output: string;
  readonly code: number;
}

/** Ranks in workers. */
function inWorkers(kind: "threads" | "ports"): Form["run"] {
  return async (size, program, argument) => {
    const room = threadRoom(size);
    const channels = new Map<string, MessagePort>();
    for (let a = 0; a < size; a++) {
      for (let b = 0; b < a; b++) {
        const { port1, port2 } = new MessageChannel();
        channels.set(`${a} ${b}`, port1).set(`${b} ${a}`, port2);
      }
    }
    const workers: Worker[] = [];
    try {
      return await Promise.all(
        Array.from({ length: size }, (_, rank) =>
          new Promise((resolve, reject) => {
            const url = new URL("rank_worker.ts", import.meta.url);
            const worker = new Worker(url, { type: "module" });
            workers.push(worker);
            const ports = Array.from({ length: size }, (_, other) =>
              channels.get(`${rank} ${other}`));
            const mine = ports.filter((port) =>
              port !== undefined
            );
            const task: RankTask = {
              ...{ rank, argument, program: program.href },
              ...(kind === "threads" ? { room } : { ports }),
            };
            worker.postMessage(task, kind === "threads" ? [] : mine);
            worker.onmessage = ({ data }) =>
              "error" in data ? reject(data.error) : resolve(data.result);
            worker.onerror = (event) => {
              event.preventDefault();
              leaveRoom(room, rank);
              reject(event.error ?? new Error(event.message));
            };
          })),
      );
    } finally {
      for (const worker of workers) worker.terminate();
    }
  };
}

/**
 * Runs a program as a launcher's ranks, whatever becomes of them.
 *
 * @param shell What runs Deno, in the launcher's place.
 */
export async function launch(
  [command, ...options]: readonly string[],
  size: number,
  program: URL,
  argument: unknown,
  shell: readonly string[] = [],
): Promise<Outcome> {
  const process = new URL("rank_process.ts", import.meta.url);
  const directory = await Deno.makeTempDir();
  try {
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args: [
        ...[
          ...options,
          "-n",
          `${size}`,
          ...shell,
          Deno.execPath(),
          "run",
          "-A",
          "--no-check",
          "--no-lock",
        ],
        ...[process.href, program.href, JSON.stringify(argument ?? null), directory],
      ],
      env: { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1", NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    const results: unknown[] = [];
    for await (const { name } of Deno.readDir(directory)) {
      results[Number(name)] = JSON.parse(await Deno.readTextFile(`${directory}/${name}`));
    }
    return { results, output: text.decode(stdout) + text.decode(stderr), code };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** A launcher, if there is one of this family. */
function launcher(family: string, names: readonly string[], options: readonly string[]): Form & {
  readonly command: readonly string[];
} {
  const command = names.find((name) => {
    try {
      const { stdout, stderr } = new Deno.Command(name, { args: ["--version"] }).outputSync();
      const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      return text.includes(family === "MPICH" ? "HYDRA" : "Open MPI");
    } catch {
      return false;
    }
  });
  const all = [command ?? names[0], ...options];
  return {
    name: command === undefined ? `${family}: not installed` : family,
    available: command !== undefined,
    command: all,
    async run(size, program, argument) {
      const { results, output, code } = await launch(all, size, program, argument);
      if (code !== 0 || results.length !== size) {
        throw new Error(`${family} ended with ${code}:\n${output}`);
      }
      return results;
    },
  };
}

/** Launchers of both families. */
export const launchers = [
  launcher("Open MPI", ["mpirun.openmpi", "mpirun"], ["--oversubscribe"]),
  launcher("MPICH", ["mpirun.mpich", "mpiexec.hydra", "mpirun"], []),
];

/** All forms whose operations can block. */
export const forms: readonly Form[] = [
  { name: "threads", available: true, run: inWorkers("threads") },
  { name: "ports", available: true, run: inWorkers("ports") },
  ...launchers,
];

/** Registers a test once per form. */
export function eachForm(
  name: string,
  body: (run: Form["run"]) => Promise<void>,
  among: readonly Form[] = forms,
): void {
  for (const { name: form, available, run } of among) {
    Deno.test({ name: `${name} [${form}]`, ignore: !available, fn: () => body(run) });
  }
}
