import assert from "#assert";
import { modelNames } from "@tekfac/tekfac/training";
import {
  argumentsOf,
  images,
  makeStudies,
  studies,
  type Study,
  tasks,
} from "../../tools/studies.ts";

Deno.test("studies are every task on all images, with names of their own", () => {
  assert.equal(studies.length, tasks.length * images.length);
  assert.equal(new Set(studies.map(({ name }) => name)).size, studies.length);
  for (const { model } of tasks) assert.ok(modelNames.includes(model));
});

Deno.test("argumentsOf() names the run directory, and the data only where it is files", () => {
  const options = { runs: "r", data: "d", search: 4, seeds: 5 };
  for (const study of studies) {
    const args = argumentsOf(study, options);
    assert.equal(args[args.indexOf("--run") + 1], `r/${study.name}`);
    assert.equal(args.includes("--data"), study.images.files);
  }
});

/** A clock of minutes, and work that takes what it is given until it has had all it needs. */
function workshop(needs: readonly number[]) {
  const chosen = studies.slice(0, needs.length);
  const left = new Map(chosen.map((study, i) => [study, needs[i]]));
  const calls: [number, number][] = [];
  let clock = 0;
  return {
    chosen,
    calls,
    now: () => 60_000 * clock,
    make: (study: Study, minutes: number) => {
      calls.push([chosen.indexOf(study), minutes]);
      const used = Math.min(left.get(study)!, minutes);
      clock += used;
      left.set(study, left.get(study)! - used);
      return Promise.resolve(left.get(study) === 0 ? "complete" as const : "stopped" as const);
    },
  };
}

Deno.test("makeStudies() shares the time equally, and passes on what is not used", async () => {
  const { chosen, calls, make, now } = workshop([2, 50, 50]);
  const outcomes = await makeStudies(chosen, 30, make, now);
  assert.deepEqual(calls, [[0, 10], [1, 14], [2, 14]]);
  assert.deepEqual([...outcomes.values()], ["complete", "stopped", "stopped"]);
});

Deno.test("makeStudies() returns to what was stopped while there is time", async () => {
  const { chosen, calls, make, now } = workshop([20, 2]);
  const outcomes = await makeStudies(chosen, 30, make, now);
  assert.deepEqual(calls, [[0, 15], [1, 15], [0, 13]]);
  assert.deepEqual([...outcomes.values()], ["complete", "complete"]);
});

Deno.test("makeStudies() without a limit makes all of them, and goes on after a failure", async () => {
  const made: Study[] = [];
  const outcomes = await makeStudies(studies, Infinity, (study, minutes) => {
    assert.equal(minutes, Infinity);
    made.push(study);
    return Promise.resolve(study === studies[0] ? "failed" : "complete");
  });
  assert.deepEqual(made, studies);
  assert.equal(outcomes.get(studies[0]), "failed");
});
