/** Ranks fail alike. */

import assert from "#assert";
import {
  createBackend,
  dense,
  externalModel,
  objective,
  OptionError,
  sequential,
  sgd,
  squaredError,
} from "@tekfac/tekfac";
import { type Port, portGroup } from "@tekfac/tekfac/distributed";
import type { Seen } from "./programs/failures.ts";
import { eachForm, forms, launch, launchers } from "./ranks.ts";

const FAILURES = new URL("programs/failures.ts", import.meta.url);
const DEATH = new URL("programs/death.ts", import.meta.url);

/** As docs/DISTRIBUTED.md has it. */
const SHELL = [
  ...["sh", "-c"],
  '"$@" || { code=$?; echo "rank $PMI_RANK ended with $code" >&2; exit $code; }',
  "sh",
];

eachForm("a step that one rank cannot take is cancelled on all of them", async (run) => {
  const results = await run(2, FAILURES) as Seen[];
  results.forEach(({ errors, unchanged, loss, message }, rank) => {
    const refused = rank === 1 ? ["DataError", "ShapeError"] : ["GroupError", "GroupError"];
    assert.deepEqual(errors, [...refused, "NumericalError"]);
    assert.deepEqual(unchanged, [true, true, true]);
    assert.equal(loss, results[0].loss);
    assert.match(message, /rank 1 has other weights than rank 0: use equal seeds/);
  });
}, forms.slice(0, 3));

for (const { name, available, command } of launchers) {
  for (const how of ["throw", "exit", "kill"]) {
    Deno.test({
      name: `a rank that dies (${how}) ends the others [${name}]`,
      ignore: !available,
      async fn() {
        const { code, output, results } = await launch(command, 3, DEATH, how, SHELL);
        assert.notEqual(code, 0);
        assert.deepEqual(results, []);
        // One that is killed cannot say so itself, and MPICH names a process at best.
        const expected = name === "Open MPI"
          ? /rank 1|,1\]/i
          : how === "kill"
          ? /rank 1 ended with 137/
          : /Rank 1 of 3 ends before the others/;
        assert.match(output, expected);
      },
    });
  }
}

Deno.test("optimizers refuse a group that cannot block", async () => {
  using backend = await createBackend();
  using model = sequential(backend, { input: [1], layers: [dense(1)], seed: 1 });
  const port: Port = { send() {}, addEventListener() {} };
  using group = portGroup(0, [undefined, port]);
  assert.throws(
    () => sgd(objective(model, squaredError()), { group }),
    (error: unknown) => error instanceof OptionError && error.option === "group",
  );
  const nonsense = { group: "mpi" } as unknown as { readonly group: typeof group };
  assert.throws(() => sgd(externalModel(backend, []), nonsense), /'group' must be a group of/);
});
