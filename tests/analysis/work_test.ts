/** Long work tells how far it is, and leaves everything as it was when it is ended early. */
import assert from "#assert";
import { curvatureOf, laplace, type LongWork, mergeModels, prune } from "@tekfac/tekfac/analysis";
import { createReference, problemOf } from "./_models.ts";

Deno.test("laplace(), prune() and mergeModels() tell how far they are, and can be ended at any time", async () => {
  using backend = createReference();
  using problem = problemOf(backend, "batchNorm");
  using curvature = await curvatureOf(problem.goal, problem.examples(30, 5));
  using other = await curvatureOf(problem.goal, problem.examples(30, 6));
  const data = problem.examples(12, 8);
  const priorPrecision = { kind: "validation", data, candidates: [1, 10] } as const;
  const works: Record<string, (how: LongWork) => Promise<unknown>> = {
    laplace: (how) => laplace(curvature, { priorPrecision, microBatch: 5, ...how }),
    prune: (how) => prune(curvature, { share: 0.3, ...how }),
    mergeModels: (how) => mergeModels(problem.goal, [curvature, other], how),
  };
  const weights = () => problem.goal.parameters.map(({ value }) => [...backend.readSync(value)]);
  const [before, { handles }] = [weights(), backend.memory()];
  for (const [name, run] of Object.entries(works)) {
    const signal = AbortSignal.abort(new Error("too late"));
    await assert.rejects(() => run({ signal }), { message: "too late" }, name);
    for (const after of [1, 3]) {
      const end = new AbortController();
      let told = 0;
      const onProgress = ({ done, total }: { done: number; total: number }) => {
        assert(done < total, `${name}: ${done} of ${total}`);
        if (++told === after) end.abort(new Error("enough"));
      };
      const how = { signal: end.signal, onProgress };
      await assert.rejects(() => run(how), { message: "enough" }, name);
      assert.equal(told, after, name);
    }
    assert.deepEqual(weights(), before, name);
    assert.equal(backend.memory().handles, handles, name);
  }
});
