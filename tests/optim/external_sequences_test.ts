/** Models of tokens that live elsewhere: tables, positions, scales and shifts, weights used several times. */
import assert from "#assert";
import { DataError, dense, objective, sequential, ShapeError, StateError } from "@tekfac/tekfac";
import { createBackend } from "@tekfac/tekfac/backend";
import { ownBlock, tiedCapture } from "@tekfac/tekfac/curvature";
import { embedding, layerNorm, tiedHead } from "@tekfac/tekfac/nn";
import { softmaxCrossEntropy } from "@tekfac/tekfac";
import { externalModel, type ExternalUse, optimizers } from "@tekfac/tekfac/optim";
import { eachBackend } from "@tekfac/tekfac/testing";

const [N, T, V, WIDTH] = [6, 4, 5, 3];

/** A dense layer in two places, and a table that is the head's weights, too. */
function network(backend: Parameters<typeof sequential>[0], tied: boolean) {
  const tokens = embedding({ vocabulary: V, width: WIDTH, init: (_, random) => random.normal() });
  const twice = dense(WIDTH);
  const head = tied ? tiedHead(tokens) : dense(V);
  return sequential(backend, {
    input: [T],
    layers: [tokens, layerNorm(), twice, twice, head],
    seed: 1,
  });
}

/** An assertion of class and text. */
const error =
  (kind: new (...args: never[]) => Error, text: RegExp) => (thrown: unknown): boolean => {
    assert.ok(thrown instanceof kind, String(thrown));
    assert.match((thrown as Error).message, text);
    return true;
  };

const inputs = Float32Array.from({ length: N * T }, (_, i) => (i * i + i) % V);
const targets = Array.from({ length: N * T }, (_, i) => (i * 3) % V);

for (const tied of [true, false]) {
  for (const method of ["tekfac", "ekfac", "tkfac", "kfac", "sgd"] as const) {
    const what = tied ? "a table tied to the head" : "a table of its own";
    eachBackend(
      Deno.test,
      `ExternalModel takes our own layers' steps: ${what}, shared weights, ${method}`,
      (backend) => {
        using own = network(backend, tied);
        using elsewhere = network(backend, tied);
        using external = externalModel(
          backend,
          own.parameters.map(({ name, layer, value: { rows, cols } }) => {
            const block = ownBlock(layer, rows);
            const own = {
              ...(block === undefined ? {} : { block }),
              ...(tied && name === "embedding1" ? { joinCaptures: tiedCapture } : {}),
            };
            return { name, layer, shape: [rows, cols] as const, ...own };
          }),
        );
        external.writeWeights(
          Object.fromEntries(own.parameters.map(({ name, value }) => [name, value])),
        );
        const passes = objective(elsewhere, softmaxCrossEntropy());
        const same = method === "sgd" ? {} : { fisher: { kind: "perLoss" }, takeBack: false };
        using ours = optimizers[method](objective(own, softmaxCrossEntropy()), same as object);
        using theirs = optimizers[method](external);
        for (let step = 0; step < 5; step++) {
          elsewhere.parameters.forEach(({ value }, i) =>
            backend.axpby(value, 1, external.parameters[i].value, 0)
          );
          const expected = ours.stepSync({ inputs, targets }).loss;
          const found = backend.scope(() => {
            const loss = passes.differentiate({ inputs, targets }, { decay: 0, scale: 1 / N });
            const captures: Record<string, ExternalUse[]> = {};
            for (const { parameter, capture } of elsewhere.layers) {
              const uses = captures[parameter!.name] ??= [];
              if (capture!.kind === "elements") uses.push({ gradients: capture!.gradients });
              else if (capture!.kind === "conv2d") {
                const { images, outputGradients } = capture!;
                uses.push({ inputs: images, outputGradients, positions: T });
              } else if (capture!.kind === "embedding") uses.push(capture!);
            }
            return theirs.stepSync({ examples: N, loss, captures }).loss;
          });
          // Both ways compute the same sums; each step adds its own rounding.
          const tolerance = 1000 * (step + 1) * backend.info.roundoff * expected;
          assert.ok(Math.abs(found - expected) <= tolerance, `step ${step}: ${found}, ${expected}`);
        }
      },
    );
  }
}

Deno.test("ExternalModel names what a table or scales and shifts did not see", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  const table = { kind: "embedding" } as const;
  const parameters = [
    { name: "table", layer: table, shape: [3, 2], block: ownBlock(table, 3)! },
    { name: "norm", layer: { kind: "scaleShift" }, shape: [2, 2] },
    { name: "head", layer: { kind: "dense", bias: false }, shape: [3, 2] },
  ] as const;
  using model = externalModel(backend, parameters);
  const right = {
    table: { tokens: [0, 2], outputGradients: [1, 2, 3, 4] },
    norm: { gradients: [1, 2, 3, 4, 1, 2, 3, 4] },
    head: { inputs: [1, 2, 3, 4], outputGradients: [1, 2, 3, 4, 5, 6] },
  };
  const check = (captures: object) =>
    model.examplesOf({ examples: 2, loss: 1, captures: { ...right, ...captures } });
  assert.equal(check({}), 2);
  const tokens = (...tokens: number[]) => ({ table: { ...right.table, tokens } });
  assert.throws(
    () => check(tokens(0, 3)),
    error(DataError, /'table' expects tokens, .*\[0, 2\]: received 3/),
  );
  assert.throws(
    () => check(tokens(0, 1, 2)),
    error(ShapeError, /as many for each of 2 examples, received 3 in all/),
  );
  assert.throws(
    () => check({ norm: right.head }),
    error(ShapeError, /gradients of each example, .*'scaleShift'/),
  );
  assert.throws(
    () => check({ head: right.table }),
    error(ShapeError, /tied to the table saw/),
  );
  assert.throws(() => check({ head: { ...right.head, positions: 2 } }), ShapeError);

  using optimizer = optimizers.tekfac(model);
  const gradients = { table: [1, 2, 3, 4, 5, 6] };
  const captures = { norm: right.norm, head: right.head };
  assert.throws(
    () => optimizer.stepSync({ examples: 2, loss: 1, captures, gradients }),
    error(StateError, /'table' left no capture/),
  );
});
