/** A rank in a worker. */

import { portGroup, threadGroup, type ThreadRoom } from "@tekfac/tekfac/distributed";

/** What the worker is told. */
export interface RankTask {
  readonly rank: number;
  readonly program: string;
  readonly argument: unknown;
  readonly room?: ThreadRoom;
  readonly ports?: readonly (MessagePort | undefined)[];
}

const scope = globalThis as unknown as {
  onmessage: (event: { data: RankTask }) => void;
  postMessage(message: unknown): void;
};

scope.onmessage = async ({ data: { rank, program, argument, room, ports } }) => {
  const { default: run } = await import(program);
  const group = room === undefined ? portGroup(rank, ports!) : threadGroup(room, rank);
  try {
    scope.postMessage({ result: await run(group, argument) });
  } catch (error) {
    scope.postMessage({ error });
  } finally {
    group[Symbol.dispose]();
  }
};
