/**
 * What two cores could be worth at most at this moment: products in two workers that share nothing, against
 * one of them alone.
 *
 * @module
 */

import { median } from "../statistics.ts";

/** Milliseconds that a loop runs. */
const LOOP_MS = 200;

/** Products that a loop has done per millisecond. */
type Pace = number;

/**
 * The pace of two loops at a time over that of one: 2 where both cores are idle, 1 where others use one of them.
 *
 * @param seconds Time for all measurements, in turns of one loop and of two.
 */
export async function independentSpeedup(seconds: number): Promise<number> {
  const workers = [0, 1].map(() =>
    new Worker(new URL("./control_worker.ts", import.meta.url), { type: "module" })
  );
  const loop = (worker: Worker): Promise<Pace> =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data as Pace);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(LOOP_MS);
    });
  try {
    await Promise.all(workers.map(loop)); // compiles
    const speedups: number[] = [];
    const end = performance.now() + 1000 * seconds;
    while (speedups.length < 3 || performance.now() < end) {
      const one = await loop(workers[0]);
      const both = await Promise.all(workers.map(loop));
      speedups.push((both[0] + both[1]) / one);
    }
    return median(speedups);
  } finally {
    for (const worker of workers) worker.terminate();
  }
}
