import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { DataError, OptionError, Random, ShapeError, StateError } from "@tekfac/tekfac/core";
import { loadModel, saveModel } from "@tekfac/tekfac/model";
import { adam, tekfac } from "@tekfac/tekfac/optim";
import { StreamingHead, type StreamingHeadOptions } from "@tekfac/tekfac/training";

const FEATURES = 12;
const random = new Random(1);

/** An example of a class: a direction of its own, and noise. */
function example(kind: number): Float64Array {
  return Float64Array.from(
    { length: FEATURES },
    (_, i) => 2.5 * Number(i % 6 === kind) + random.normal(),
  );
}

async function share(stream: StreamingHead, kinds: readonly number[], names: readonly string[]) {
  let right = 0;
  for (let n = 0; n < 100; n++) {
    const kind = kinds[n % kinds.length];
    right += Number((await stream.predict(example(kind))).label === names[kind]);
  }
  return right / 100;
}

const names = ["a", "b", "c", "d"];

const optimizers: Record<string, StreamingHeadOptions["optimizer"]> = {
  tekfac,
  adam: (goal) => adam(goal, { learningRate: 1e-2 }),
};

for (const [name, optimizer] of Object.entries(optimizers)) {
  for (const hidden of [undefined, 8]) {
    Deno.test(`StreamingHead learns classes that come later (${name}, hidden ${hidden})`, async () => {
      using backend = await createBackend();
      {
        const options = {
          features: FEATURES,
          optimizer,
          ...hidden === undefined ? {} : { hidden },
        };
        using stream = new StreamingHead(backend, options);
        for (let n = 0; n < 60; n++) stream.add(example(n % 2), names[n % 2]);
        await stream.learn(60);
        assert.deepEqual(stream.model!.labels, ["a", "b"]);
        assert(await share(stream, [0, 1], names) > 0.9);

        // One of them is added while it learns, with few examples.
        for (let n = 0; n < 8; n++) stream.add(example(2), "c");
        const learning = stream.learn(1);
        await assert.rejects(stream.learn(1), StateError);
        await learning;
        for (let n = 0; n < 8; n++) stream.add(example(3), "d");
        assert.deepEqual(stream.model!.labels, ["a", "b", "c"]);
        assert.deepEqual(stream.labels, names);
        await stream.learn(80);
        assert(await share(stream, [0, 1, 2, 3], names) > 0.85);

        using kept = await loadModel(backend, await saveModel(stream.model!));
        const one = example(3);
        assert.deepEqual(await kept.predictOne(one), await stream.predict(one));
      }
      assert.equal(backend.memory().handles, 0);
    });
  }
}

Deno.test("StreamingHead remembers the latest examples of a class, and refuses what is none", async () => {
  using backend = await createBackend({ prefer: ["reference"] });
  using stream = new StreamingHead(backend, { features: 1, optimizer: tekfac, capacity: 2 });
  await assert.rejects(stream.predict([1]), StateError);
  stream.add([1], "left");
  await assert.rejects(stream.learn(1), /expected examples of two classes, received 1/);
  stream.add([-1], "right");
  for (let n = 0; n < 2; n++) {
    // The other way round, and what was before is forgotten.
    stream.add([-1], "left");
    stream.add([1], "right");
  }
  await stream.learn(30);
  assert.equal((await stream.predict([1])).label, "right");
  assert.throws(() => stream.add([1, 2], "left"), ShapeError);
  assert.throws(() => stream.add([NaN], "left"), DataError);
  await assert.rejects(stream.learn(0), OptionError);
  await assert.rejects(stream.learn(5, { signal: AbortSignal.abort() }));
  await stream.learn(1);
  assert.throws(() => new StreamingHead(backend, { features: 1 } as never), OptionError);
});
