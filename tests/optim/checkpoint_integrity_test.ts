/** Checkpoints that are damaged, of something else, or written by earlier versions. */
import assert from "#assert";
import { createBackend } from "@tekfac/tekfac/backend";
import { DataError, digestOf, OptionError, Random, StateError } from "@tekfac/tekfac/core";
import {
  dense,
  embedding,
  layerNorm,
  meanPositions,
  objective,
  relu,
  type Sequential,
  sequential,
  squaredError,
  tanh,
} from "@tekfac/tekfac/nn";
import {
  adam,
  decodeSafetensors,
  encodeSafetensors,
  loadState,
  loadWeights,
  muon,
  type Optimizer,
  saveState,
  scheduleFreeAdam,
  sgd,
  soap,
  tekfac,
  tkfac,
} from "@tekfac/tekfac/optim";
import {
  type Batch,
  makeBatch,
  problemOf,
  referenceBackend,
  smallModel,
  weightsOf,
} from "./problem.ts";

const background = { kind: "background", delay: 4 } as const;
const intervals = { statistics: 1, basis: 6, eigenvalues: 1 };

/** Modes of which each has a state of its own when it is saved. */
const modes: Record<string, (model: Sequential) => Optimizer<Batch>> = {
  defaults: (model) => tekfac(problemOf(model)),
  background: (model) => tekfac(problemOf(model), { rank: "full", refresh: background, intervals }),
  "background, not deterministic": (model) =>
    tekfac(problemOf(model), {
      rank: "full",
      refresh: { ...background, deterministic: false },
      intervals,
    }),
  "background, staggered": (model) =>
    tekfac(problemOf(model), { rank: "full", refresh: background, intervals, staggered: true }),
  "tkfac with late statistics": (model) =>
    tkfac(problemOf(model), { split: "exact", intervals: { statistics: 9, basis: 6 } }),
  "soap by Kullback and Leibler": (model) =>
    soap(problemOf(model), { factors: "kl", preconditionFrequency: 6, refresh: background }),
  muon: (model) => muon(problemOf(model)),
  "schedule-free Adam": (model) => scheduleFreeAdam(problemOf(model)),
  soap: (model) => soap(problemOf(model), { preconditionFrequency: 6, refresh: background }),
};

for (const [name, create] of Object.entries(modes)) {
  for (const prefer of ["reference", "wasm"] as const) {
    Deno.test(`saveState() does not disturb: ${name} (${prefer})`, async () => {
      using backend = await createBackend({ prefer: [prefer] });
      const run = async (saveAt: readonly number[], resumeAt = -1): Promise<number[]> => {
        let model = smallModel(backend);
        let optimizer = create(model);
        for (let step = 0; step < 20; step++) {
          if (saveAt.includes(step)) await saveState(optimizer);
          if (step === resumeAt) {
            const bytes = await saveState(optimizer);
            optimizer[Symbol.dispose]();
            model[Symbol.dispose]();
            model = smallModel(backend, 7);
            optimizer = create(model);
            // Its own work under way is dropped.
            for (let own = 0; own < 8; own++) optimizer.stepSync(makeBatch(16, 50 + own));
            loadState(optimizer, bytes);
          }
          optimizer.stepSync(makeBatch(16, step));
        }
        const weights = weightsOf(model);
        optimizer[Symbol.dispose]();
        model[Symbol.dispose]();
        return weights;
      };
      const never = await run([]);
      assert.deepEqual(await run([7, 8, 13, 14]), never);
      assert.deepEqual(await run([], 8), never);
      assert.equal(backend.memory().handles, 0);
    });
  }
}

Deno.test("saveState() does not disturb a model of tokens whose bases are renewed beside the steps", async () => {
  using backend = referenceBackend();
  const layers = [embedding({ vocabulary: 5, width: 4 }), layerNorm(), meanPositions(), dense(3)];
  const run = async (saveAt: number, resume: boolean): Promise<number> => {
    using model = sequential(backend, { input: [3], layers, seed: 1 });
    const create = (model: Sequential) =>
      tekfac(problemOf(model), { rank: "full", refresh: background, intervals });
    let optimizer = create(model);
    for (let step = 0; step < 16; step++) {
      if (step === saveAt) {
        const bytes = await saveState(optimizer);
        if (resume) {
          optimizer[Symbol.dispose]();
          optimizer = create(model);
          loadState(optimizer, bytes);
        }
      }
      const random = new Random(step);
      const inputs = Float64Array.from({ length: 24 }, () => random.integer(5));
      const targets = Array.from({ length: 8 }, (_, n) => inputs[3 * n] % 3);
      optimizer.stepSync({ inputs, targets, examples: 8 } as Batch);
    }
    const [sum] = weightsOf(model);
    optimizer[Symbol.dispose]();
    return sum;
  };
  const never = await run(-1, false);
  assert.equal(await run(8, false), never);
  assert.equal(await run(8, true), never);
});

/** A state after some steps, its bytes, and a check that a load is refused and changes nothing. */
async function saved(create: (model: Sequential) => Optimizer<Batch> = modes.background) {
  const backend = referenceBackend();
  const model = smallModel(backend);
  const optimizer = create(model);
  for (let step = 0; step < 8; step++) optimizer.stepSync(makeBatch(16, step));
  const bytes = await saveState(optimizer);
  const refuses = async (file: Uint8Array, message: RegExp, target = optimizer) => {
    const before = await saveState(target);
    assert.throws(
      () => loadState(target, file),
      (e: unknown) =>
        (e instanceof DataError || e instanceof StateError) && message.test(e.message),
    );
    assert.deepEqual(await saveState(target), before);
  };
  return { backend, model, optimizer, bytes, refuses };
}

/** The same file with other progress. */
function withProgress(bytes: Uint8Array, change: (progress: Json) => void): Uint8Array {
  const { arrays, metadata } = decodeSafetensors(bytes);
  const progress = JSON.parse(metadata["tekfac.progress"]);
  change(progress);
  return encodeSafetensors({
    arrays,
    metadata: { ...metadata, "tekfac.progress": JSON.stringify(progress) },
  });
}

// deno-lint-ignore no-explicit-any
type Json = any;

Deno.test("loadState() refuses a file with any one bit flipped", async () => {
  const { optimizer, bytes } = await saved();
  const random = new Random(3);
  for (let i = 0; i < 3000; i++) {
    const at = i < 1500 ? random.integer(bytes.length) : i - 1500;
    const file = bytes.slice();
    file[at] ^= 1 << random.integer(8);
    assert.throws(
      () => loadState(optimizer, file),
      (e: unknown) => e instanceof DataError || e instanceof StateError,
      `byte ${at}`,
    );
  }
  assert.equal(loadState(optimizer, bytes).step, 8);
});

const damages: Record<string, (progress: Json) => void> = {
  "a step that is text": (p) => p.step = "8",
  "a step that is no integer": (p) => p.step = 1.5,
  "a step below 0": (p) => p.step = -1,
  "no step": (p) => delete p.step,
  "a weight that is null": (p) => p.momentumWeight = null,
  "a weight that is true": (p) => p.momentumWeight = true,
  "no counters": (p) => delete p.counters,
  "failures that are text": (p) => p.counters.failures = ["a", "b"],
  "too few failures": (p) => p.counters.failures = [0],
  "a basis that is solved twice": (p) => p.counters.solved = [2, 1],
  "a refresh of no layer": (p) => p.counters.underway = [6, 5],
  "a refresh from the future": (p) => p.counters.underway[0] = 99,
  "no random state": (p) => delete p.random,
  "a random state that is no word": (p) => p.random[0] = 2 ** 32,
  "rules that are missing": (p) => p.rules = {},
  "a frozen layer that there is not": (p) => p.frozen = ["dense9"],
  "passes below 0": (p) => p.passes = -3,
};

for (const [name, damage] of Object.entries(damages)) {
  Deno.test(`loadState() refuses ${name}, and changes nothing`, async () => {
    const { bytes, refuses } = await saved();
    await refuses(withProgress(bytes, damage), /progress|restore/);
  });
}

Deno.test("neither saveState() nor loadState() takes what is not finite", async () => {
  const { backend, model, optimizer, bytes, refuses } = await saved();
  const file = decodeSafetensors(bytes);
  file.arrays["dense1.inputFactor"].data[3] = Infinity;
  await refuses(
    encodeSafetensors(file),
    /finite numbers in 'dense1.inputFactor', received Infinity at 3/,
  );
  backend.write(model.parameters[0].value, new Float64Array(25).fill(NaN));
  await assert.rejects(saveState(optimizer), /expected finite numbers in .* received NaN/);
});

Deno.test("loadState() refuses float64 numbers that float32 cannot hold, and squares below 0", async () => {
  const { bytes } = await saved((model) => adam(problemOf(model)));
  using backend = await createBackend({ prefer: ["wasm"] });
  using model = smallModel(backend);
  using optimizer = adam(problemOf(model));
  const edited = (name: string, value: number) => {
    const file = decodeSafetensors(bytes);
    file.arrays[name].data[0] = value;
    return encodeSafetensors(file);
  };
  assert.throws(
    () => loadState(optimizer, edited("dense1.weights", 1e300)),
    /too large for float32/,
  );
  assert.throws(() => loadState(optimizer, edited("dense1.secondMoment", -1)), /to be >= 0/);
});

Deno.test("loadState() names the difference of architecture, loss and options", async () => {
  const { backend, bytes, refuses } = await saved(modes.defaults);
  const layers = [dense(5), relu(), dense(3)];
  const other = sequential(backend, { input: [4], layers, seed: 1 });
  await refuses(
    bytes,
    /layer 2 of the model to be \{"kind":"relu".*received.*tanh/,
    tekfac(problemOf(other)),
  );
  const model = smallModel(backend);
  await refuses(
    bytes,
    /loss halfSumSquaredError, received softmaxCrossEntropy/,
    tekfac(objective(model, squaredError())) as Optimizer<Json>,
  );
  const differing = {
    "momentum.on": { momentum: { on: "update", value: 0.9 } },
    "fisher.kind": { fisher: "empirical" },
    averaging: { averaging: "seeded" },
  } as const;
  for (const [name, options] of Object.entries(differing)) {
    await refuses(bytes, new RegExp(`option '${name}'`), tekfac(problemOf(model), options));
  }
  // How long steps are does not change what the state is of.
  const info = loadState(tekfac(problemOf(model), { learningRate: 0.5 }), bytes);
  assert.equal(info.step, 8);
});

Deno.test("loadState() reads files of the first format, and says so where it cannot know one", async () => {
  const { optimizer, bytes, refuses } = await saved(modes.defaults);
  const { arrays, metadata } = decodeSafetensors(bytes);
  const progress = JSON.parse(metadata["tekfac.progress"]);
  for (const key of ["solved", "measured", "underway"]) delete progress.counters[key];
  const first = withoutDigest(encodeSafetensors({
    arrays,
    metadata: {
      "tekfac.format": "tekfac checkpoint 1",
      "tekfac.method": "tekfac",
      "tekfac.progress": JSON.stringify(progress),
      "tekfac.options": metadata["tekfac.options"],
    },
  }));
  const next = optimizer.stepSync(makeBatch(16, 8)).loss;
  loadState(optimizer, first);
  assert.equal(optimizer.stepSync(makeBatch(16, 8)).loss, next);
  await refuses(withoutDigest(bytes), /digest is missing/);
  const later = { ...metadata, "tekfac.format": "tekfac checkpoint v9" };
  await refuses(encodeSafetensors({ arrays, metadata: later }), /another version/);
});

/** The same file as others write it. */
function withoutDigest(bytes: Uint8Array): Uint8Array {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  delete header["__metadata__"]["tekfac.digest"];
  return fileOf(JSON.stringify(header), bytes.subarray(8 + length));
}

function fileOf(header: string, body: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + head.length + body.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(head.length), true);
  file.set(head, 8);
  file.set(body, 8 + head.length);
  return file;
}

Deno.test("loadWeights() takes a model's weights from under any optimizer, and nothing else", async () => {
  const { backend, bytes, model } = await saved();
  using fresh = smallModel(backend, 5);
  using optimizer = sgd(problemOf(fresh));
  assert.equal(loadWeights(optimizer.objective, bytes).method, "tekfac");
  assert.deepEqual(weightsOf(fresh), weightsOf(model));
  assert.equal(optimizer.stepCount, 0);
  using deeper = sequential(backend, { input: [4], layers: [dense(5), tanh()], seed: 1 });
  const before = weightsOf(deeper);
  assert.throws(() => loadWeights(deeper, bytes), StateError);
  assert.deepEqual(weightsOf(deeper), before);
});

Deno.test("saveState() refuses notes that are not text or take a name of its own", async () => {
  const { optimizer } = await saved();
  await assert.rejects(saveState(optimizer, { n: 5 as unknown as string }), OptionError);
  await assert.rejects(saveState(optimizer, { "tekfac.method": "sgd" }), OptionError);
});

const entry = (from: number, to: number) =>
  `{"dtype":"F32","shape":[${(to - from) / 4}],"data_offsets":[${from},${to}]}`;

const headers: Record<string, readonly [header: string, message: RegExp]> = {
  "is null": ["null", /JSON object, received null/],
  "is a list": ["[]", /received a list/],
  "is no JSON": ["{", /not JSON/],
  "has no offsets": ['{"a":{"dtype":"F32","shape":[2]}}', /two offsets/],
  "has an entry that is null": ['{"a":null}', /received null/],
  "has negative offsets": [`{"a":${entry(-8, 0)}}`, /integers >= 0/],
  "has offsets that are text": [
    '{"a":{"dtype":"F32","shape":[2],"data_offsets":["0","8"]}}',
    /two offsets/,
  ],
  "has overlapping arrays": [`{"a":${entry(0, 8)},"b":${entry(0, 8)}}`, /overlap/],
  "leaves a hole": [`{"a":${entry(0, 4)},"b":${entry(8, 8)}}`, /hole/],
  "leaves the end": [`{"a":${entry(0, 4)}}`, /no array covers/],
  "goes beyond the end": [`{"a":${entry(0, 16)}}`, /truncated/],
  "names an array twice": [`{"a":${entry(0, 8)},"\\u0061":${entry(0, 8)}}`, /'a' twice/],
  "names a size twice": [
    '{"a":{"dtype":"F32","shape":[3],"shape":[2],"data_offsets":[0,8]}}',
    /'shape' twice/,
  ],
  "has metadata that is no text": [
    `{"__metadata__":{"n":5},"a":${entry(0, 8)}}`,
    /'n': expected text/,
  ],
  "has metadata that is null": [
    `{"__metadata__":null,"a":${entry(0, 8)}}`,
    /metadata in a JSON object/,
  ],
  "has an unknown type": [
    '{"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}',
    /F32, F64.* received C64/,
  ],
  "has more parts than memory": [`{"a":[${"[],".repeat(2 ** 20)}0]}`, /parts/],
};

for (const [name, [header, message]] of Object.entries(headers)) {
  Deno.test(`decodeSafetensors() refuses a file whose header ${name}`, () => {
    const refused = (e: unknown) => e instanceof DataError && message.test(e.message);
    assert.throws(() => decodeSafetensors(fileOf(header, new Uint8Array(8))), refused);
  });
}

Deno.test("decodeSafetensors() reads what others write, names like __proto__, and a view into a buffer", () => {
  const file = fileOf(
    `{"__proto__":${entry(0, 8)}}  `,
    new Uint8Array(Float32Array.of(1, 2).buffer),
  );
  const padded = new Uint8Array(file.length + 3);
  padded.set(file, 3);
  const { arrays } = decodeSafetensors(padded.subarray(3));
  assert.deepEqual(Object.keys(arrays), ["__proto__"]);
  assert.deepEqual([...Object.values(arrays)[0].data], [1, 2]);
});

Deno.test("digestOf() is MurmurHash3 of 128 bits, and every byte counts", () => {
  // deno-fmt-ignore
  const known = { "": "0".repeat(32), hello: "2b2444a0db91def79adb31b69adb31b6",
    "The quick brown fox jumps over the lazy dog": "2f1583c3ecee2c675d7bf66ce5e91d2c" };
  for (const [text, digest] of Object.entries(known)) {
    assert.equal(digestOf(new TextEncoder().encode(text)), digest);
  }
  const seen = new Set<string>();
  const bytes = new Uint8Array(100);
  for (let bit = 0; bit < 800; bit++) {
    bytes[bit >> 3] ^= 1 << (bit & 7);
    seen.add(digestOf(bytes));
    bytes[bit >> 3] ^= 1 << (bit & 7);
  }
  assert.equal(seen.add(digestOf(bytes)).size, 801);
});
