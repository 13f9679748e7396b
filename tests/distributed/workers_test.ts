/** Who makes which directions. */

import assert from "#assert";
import {
  bestWorkers,
  sharedSeconds,
  workerCounts,
  WorkerGrid,
  workersOf,
} from "@tekfac/tekfac/distributed";

Deno.test("WorkerGrid: as many ranks as were asked for do each task, and supply each other rank once", () => {
  for (const ranks of [1, 2, 6, 8, 12]) {
    for (const workers of workerCounts(ranks)) {
      const costs = [5, 1, 1, 9, 2, 2, 7];
      const grid = new WorkerGrid(ranks, workers, costs);
      const all = Array.from({ length: ranks }, (_, rank) => rank);
      costs.forEach((_, task) => {
        const doers = all.filter((rank) => grid.does(task, rank));
        assert.equal(doers.length, workers);
        const supplied = doers.map((doer) =>
          all.filter((rank) => grid.supplierOf(task, rank) === doer).length
        );
        assert.deepEqual(supplied, doers.map(() => ranks / workers));
      });
    }
  }
});

Deno.test("WorkerGrid: no column has more than 4/3 of the least that the busiest can have", () => {
  const costs = [7, 6, 5, 4, 3, 2, 1];
  const grid = new WorkerGrid(2, 1, costs);
  const loads = [0, 1].map((rank) =>
    costs.reduce((sum, cost, task) => sum + (grid.does(task, rank) ? cost : 0), 0)
  );
  assert.equal(loads[0] + loads[1], 28);
  assert(Math.max(...loads) <= 14 * 4 / 3);
});

Deno.test("workersOf() is the largest divisor of the ranks that is no more than their share", () => {
  const cases = [[1, 4, 4], [0.5, 4, 2], [0.3, 4, 1], [0.99, 4, 2], [1 / 3, 3, 1], [2 / 3, 6, 3]];
  for (const [fraction, ranks, workers] of [...cases, [0.01, 4, 1], [0.7, 1, 1], [0.1, 10, 1]]) {
    assert.equal(workersOf(fraction, ranks), workers, `${fraction} of ${ranks}`);
  }
});

Deno.test("bestWorkers() takes a number between where both ends are slower", () => {
  // Two tasks: more than two columns have nothing to do, and one has twice as much.
  const tasks = [{ seconds: 1, bytes: 1 }, { seconds: 1, bytes: 1 }];
  const network = { latency: 0.1, bandwidth: 1e3 };
  assert.equal(bestWorkers(tasks, 8, network), 4);
  const seconds = [8, 4, 2, 1].map((workers) => sharedSeconds(tasks, 8, workers, network));
  const expected = [2, 1 + 0.1 + 1e-3, 1 + 0.3 + 2e-3, 1 + 0.7 + 2e-3];
  seconds.forEach((each, i) => assert(Math.abs(each - expected[i]) < 1e-12, `${each}`));
});
