import assert from "#assert";
import { NumericalError } from "@tekfac/tekfac/core";
import type { RunSummary } from "@tekfac/tekfac/training";
import type { RunOutcome } from "../../lab/comparison.ts";
import {
  type Assignment,
  type Journal,
  type LaboratoryPlan,
  runLaboratory,
} from "../../lab/laboratory.ts";

const summary = (testLoss: number): RunSummary => ({
  epochs: [],
  trainLoss: 1,
  testLoss,
  testAccuracy: null,
  seconds: 1,
  stepMs: 1,
});

const name = ({ kind, optimizer, index, seed, epochs }: Assignment): string =>
  `${kind} ${optimizer} ${kind === "trial" ? index : seed}${kind === "timed" ? `, ${epochs}` : ""}`;

/** A journal in memory that also counts what is added. */
function memory(): Journal & { readonly held: Map<string, RunOutcome> } {
  const held = new Map<string, RunOutcome>();
  return {
    held,
    find: (assignment) => held.get(name(assignment)),
    add: (assignment, outcome) => void held.set(name(assignment), outcome),
  };
}

const judge = ({ testLoss }: RunSummary): number => testLoss;

const plan: LaboratoryPlan = {
  optimizers: ["sgd", "adam"],
  seeds: [7, 8],
  epochs: 4,
  search: { trials: 3, seed: 1000 },
};

/** The loss is that of a bowl around a learning rate of 1e-2, and higher with the recipe. */
const bowl = ({ point: { learningRate } }: Assignment): number =>
  learningRate === undefined ? 100 : 1 + Math.log(learningRate / 1e-2) ** 2;

Deno.test("runLaboratory() goes trial by trial, then seed by seed, each with every optimizer", async () => {
  const order: string[] = [];
  await runLaboratory(plan, {
    judge,
    perform: (assignment) => {
      order.push(name(assignment));
      assert.equal(assignment.kind === "trial", assignment.seed === 1000);
      return Promise.resolve(summary(1));
    },
  });
  assert.deepEqual(order, [
    ...[
      "trial sgd 0",
      "trial adam 0",
      "trial sgd 1",
      "trial adam 1",
      "trial sgd 2",
      "trial adam 2",
    ],
    ...["run sgd 7", "run adam 7", "run sgd 8", "run adam 8"],
  ]);
});

Deno.test("runLaboratory() runs where the trial's value was lowest", async () => {
  const runs: Assignment[] = [];
  const { optimizers, complete } = await runLaboratory(plan, {
    judge,
    perform: (assignment) => {
      if (assignment.kind === "run") runs.push(assignment);
      return Promise.resolve(summary(bowl(assignment)));
    },
  });
  assert.ok(complete);
  for (const { name, point, trials } of optimizers) {
    const best = Math.min(...trials.map(({ value }) => value!));
    assert.equal(trials.find((trial) => trial.point === point)?.value, best);
    for (const run of runs) if (run.optimizer === name) assert.equal(run.point, point);
  }
});

Deno.test("runLaboratory() counts a divergence and goes on; other errors end it", async () => {
  const diverged = () =>
    Promise.reject(new NumericalError("the loss is not finite", { quantity: "loss", step: 3 }));
  const { optimizers: [sgd, adam] } = await runLaboratory(plan, {
    judge,
    perform: (assignment) => {
      const fails = assignment.optimizer === "sgd" && assignment.index === 0;
      return fails ? diverged() : Promise.resolve(summary(bowl(assignment)));
    },
  });
  assert.equal(sgd.trials[0].value, null);
  assert.deepEqual(sgd.failures, ["seed 7: the loss is not finite"]);
  assert.deepEqual(sgd.runs.map(({ seed }) => seed), [8]);
  assert.deepEqual(adam.runs.map(({ seed }) => seed), [7, 8]);

  const all = await runLaboratory(plan, { judge, perform: diverged });
  assert.deepEqual(all.optimizers.map(({ point }) => point), [{}, {}]);
  const bug = { judge, perform: () => Promise.reject(new TypeError("bug")) };
  await assert.rejects(runLaboratory(plan, bug), TypeError);
});

Deno.test("runLaboratory() stopped anywhere and started again does each training once, with equal results", async () => {
  const straight = await runLaboratory(plan, {
    judge,
    perform: (assignment) => Promise.resolve(summary(bowl(assignment))),
  });
  for (let stop = 0; stop <= straight.total; stop++) {
    const journal = memory();
    const performed: string[] = [];
    const work = {
      journal,
      judge,
      perform: (assignment: Assignment) => {
        performed.push(name(assignment));
        return Promise.resolve(summary(bowl(assignment)));
      },
    };
    const first = await runLaboratory(plan, {
      ...work,
      mayGoOn: () => journal.held.size < stop,
    });
    assert.equal(first.done, stop);
    assert.equal(first.complete, stop === straight.total);
    assert.deepEqual(await runLaboratory(plan, work), straight);
    assert.equal(performed.length, straight.total);
    assert.equal(new Set(performed).size, straight.total);
  }
});

Deno.test("runLaboratory() tells of each training, but not of those that the journal holds", async () => {
  const journal = memory();
  const told: number[] = [];
  const work = {
    journal,
    judge,
    perform: () => Promise.resolve(summary(1)),
    onOutcome: (_: Assignment, __: RunOutcome, done: number, total: number) => {
      assert.equal(total, 10);
      told.push(done);
    },
  };
  await runLaboratory(plan, { ...work, mayGoOn: () => journal.held.size < 4 });
  await runLaboratory(plan, work);
  assert.deepEqual(told, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});

Deno.test("runLaboratory() without a search runs what optimizers begin from", async () => {
  const { optimizers } = await runLaboratory({ optimizers: ["adam"], seeds: [0], epochs: 4 }, {
    judge,
    perform: ({ kind, point }) => {
      assert.equal(kind, "run");
      assert.deepEqual(point, {});
      return Promise.resolve(summary(1));
    },
  });
  assert.equal(optimizers[0].runs.length, 1);
});

/** Seconds of an epoch. SGD's four epochs leave time for two of TEKFAC's, and for less than one of KFAC's. */
const pace: Readonly<Record<string, number>> = { sgd: 1, adam: 1, tekfac: 1.9, kfac: 5 };

const race: LaboratoryPlan = {
  optimizers: ["tekfac", "sgd", "kfac"],
  seeds: [7, 8],
  epochs: 4,
  equalTime: true,
};

const paced = ({ optimizer, epochs }: Assignment): RunSummary => ({
  ...summary(epochs),
  seconds: epochs * pace[optimizer],
});

Deno.test("runLaboratory() with equal time gives the slower ones the epochs that fit, at least one", async () => {
  const order: string[] = [];
  const { optimizers: [tekfac, sgd, kfac], done, total, complete } = await runLaboratory(race, {
    judge,
    perform: (assignment) => {
      order.push(name(assignment));
      return Promise.resolve(paced(assignment));
    },
  });
  assert.deepEqual(order.slice(6), [
    ...["timed tekfac 7, 2", "timed kfac 7, 1", "timed tekfac 8, 2", "timed kfac 8, 1"],
  ]);
  assert.deepEqual([done, total, complete], [10, 10, true]);
  assert.deepEqual(tekfac.timed!.runs.map(({ seed, seconds }) => [seed, seconds]), [[7, 3.8], [
    8,
    3.8,
  ]]);
  assert.equal(sgd.timed!.epochs, 4);
  assert.deepEqual(sgd.timed!.runs, sgd.runs);
  assert.equal(kfac.timed!.epochs, 1);
});

Deno.test("runLaboratory() with equal time, stopped anywhere, ends with the same", async () => {
  const straight = await runLaboratory(race, { judge, perform: (a) => Promise.resolve(paced(a)) });
  for (let stop = 0; stop <= straight.total; stop++) {
    const journal = memory();
    const work = { journal, judge, perform: (a: Assignment) => Promise.resolve(paced(a)) };
    const first = await runLaboratory(race, { ...work, mayGoOn: () => journal.held.size < stop });
    assert.equal(first.complete, stop === straight.total);
    assert.deepEqual(await runLaboratory(race, work), straight);
  }
});

Deno.test("runLaboratory() with equal time leaves out who never finished", async () => {
  const { optimizers: [tekfac, sgd], complete } = await runLaboratory(race, {
    judge,
    perform: (assignment) =>
      assignment.optimizer === "tekfac"
        ? Promise.reject(new NumericalError("not finite", { quantity: "loss", step: 1 }))
        : Promise.resolve(paced(assignment)),
  });
  assert.ok(complete);
  assert.deepEqual(tekfac.timed!.runs, []);
  assert.equal(sgd.timed!.runs.length, 2);
});
