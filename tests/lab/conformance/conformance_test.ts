/** `deno task conformance`, run as a user runs it: verdicts, last line and exit code. */
import assert from "#assert";
import type { Method } from "../../oracle/fisher.ts";
import type { Hyper } from "../../oracle/trajectory.ts";
import { gpuTest } from "../../parity/_parity.ts";
import { layerCase, type LayerPlan, trajectoryCase } from "./random_cases.ts";

const PROGRAM = new URL("../../../lab/cli/conformance.ts", import.meta.url).pathname;
const GOLDEN = new URL("../../fixtures/golden/", import.meta.url).pathname;
const BACKENDS = ["reference", "wasm"];

/** Runs the command. */
function conformance(...args: string[]) {
  return conformanceIn({}, ...args);
}

/** Runs the command with more in its environment. */
async function conformanceIn(env: Record<string, string>, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--no-check", PROGRAM, ...args],
    env: { NO_COLOR: "1", ...env },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trimEnd());
  return { code, lines: out.split("\n"), error: err };
}

/** Calls `body` with a directory that holds the given files and is removed afterwards. */
async function withFiles(
  files: Readonly<Record<string, string | object>>,
  body: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      const text = typeof content === "string" ? content : JSON.stringify(content);
      await Deno.writeTextFile(`${directory}/${name}`, text);
    }
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function passesGoldenCases(backend: string): Promise<void> {
  const { code, lines, error } = await conformance(GOLDEN, "--backend", backend);
  assert.equal(lines.at(-1), "17 passed, 0 failed", [...lines, error].join("\n"));
  assert.equal(code, 0);
  assert.equal(lines.length, 1 + 17 + 1);
  assert.ok(lines[0].startsWith(`17 cases on ${backend}`), lines[0]);
}

for (const backend of BACKENDS) {
  Deno.test(`conformance passes the seventeen golden cases on ${backend}`, () =>
    passesGoldenCases(backend));
}
gpuTest("conformance passes the seventeen golden cases", () => passesGoldenCases("webgpu"));

async function passesNetworks(backend: string): Promise<void> {
  const { code, lines, error } = await conformance(`${GOLDEN}networks`, "--backend", backend);
  assert.equal(lines.at(-1), "5 passed, 0 failed", [...lines, error].join("\n"));
  assert.equal(code, 0);
}

for (const backend of BACKENDS) {
  Deno.test(`conformance passes golden transformers and convolutions on ${backend}`, () =>
    passesNetworks(backend));
}
gpuTest("conformance passes golden transformers and convolutions", () => passesNetworks("webgpu"));

Deno.test("conformance names a network's layer that there is not, and a gradient that is wrong", async () => {
  const text = await Deno.readTextFile(`${GOLDEN}networks/network_encoder_mean_s2.json`);
  const wrong = JSON.parse(text);
  wrong.parameters[1].gradient.data[0] += 1e-4;
  const unknown = JSON.parse(text);
  unknown.layers[0].type = "conv9d";
  await withFiles({ "a.json": wrong, "b.json": unknown }, async (directory) => {
    const { code, lines } = await conformance(directory, "--backend", "reference");
    assert.equal(code, 1);
    assert.match(lines[1], /^FAILED .* at gradient of /);
    assert.match(lines[2], /networks with a layer 'conv9d' cannot be checked: there are embedding/);
  });
});

const conv = { kind: "conv2d", inChannels: 2, outChannels: 3, bias: true } as const;
const dense = { kind: "dense", inFeatures: 6, outFeatures: 4, bias: true } as const;
const plain = { stride: [1, 1], padding: [0, 0], dilation: [1, 1] } as const;

const LAYERS: readonly LayerPlan[] = [
  { name: "dense_wide", layer: { ...dense, inFeatures: 12 }, distinct: 9, lambdas: [1e-2, 3] },
  { name: "dense_one_output", layer: { ...dense, outFeatures: 1 }, distinct: 8, lambdas: [0.1] },
  {
    name: "dense_one_input",
    layer: { ...dense, inFeatures: 1, bias: false },
    distinct: 7,
    lambdas: [0.5],
  },
  { name: "dense_one_example", layer: dense, distinct: 1, lambdas: [0.1] },
  { name: "dense_copies", layer: dense, distinct: 1, copies: 5, lambdas: [0.1] },
  { name: "dense_repeated", layer: dense, distinct: 8, copies: 2, lambdas: [0.1, 1] },
  {
    name: "conv_dilated",
    layer: { ...conv, kernel: [2, 3], ...plain, padding: [1, 2], dilation: [2, 1] },
    image: [5, 4],
    distinct: 6,
    lambdas: [0.03, 1],
  },
  {
    name: "conv_uneven",
    layer: { ...conv, kernel: [3, 1], stride: [2, 3], padding: [0, 1], dilation: [1, 2] },
    image: [7, 6],
    distinct: 5,
    lambdas: [0.1],
  },
  {
    name: "conv_no_bias",
    layer: { ...conv, inChannels: 3, bias: false, kernel: [1, 2], ...plain },
    image: [3, 4],
    distinct: 7,
    lambdas: [0.2],
  },
  {
    name: "conv_one_location",
    layer: { ...conv, kernel: [3, 3], ...plain },
    image: [3, 3],
    distinct: 6,
    lambdas: [0.1],
  },
  {
    name: "conv_one_example",
    layer: { ...conv, kernel: [2, 2], ...plain },
    image: [4, 4],
    distinct: 1,
    lambdas: [0.1],
  },
];

const base: Hyper = {
  steps: 8,
  lr: 0.05,
  momentum: 0.9,
  betaFactors: 0.9,
  betaTheta: 0.8,
  tFim: 1,
  tEig: 1,
  tRe: 1,
  damping: { kind: "absolute", lambda: 0.03 },
};

const COURSES: readonly { method: Method; hyper: Partial<Hyper>; sizes?: number[] }[] = [
  { method: "kfac", hyper: { tFim: 2, tEig: 3, damping: { kind: "relative", tau: 0.3 } } },
  { method: "tkfac", hyper: { tEig: 4, damping: { kind: "relative", tau: 0.2 }, momentum: 0 } },
  { method: "ekfac", hyper: { tFim: 2, tEig: 4, tRe: 3, klClip: 1e-3 } },
  { method: "ekfac_ra", hyper: { tEig: 2, betaTheta: 0.95, lr: 0.02 } },
  { method: "tekfac", hyper: { tFim: 3, tEig: 2, tRe: 2, betaFactors: 0.5 }, sizes: [4, 5, 4, 3] },
  {
    method: "tekfac",
    hyper: { klClip: 2e-3, klTimesLoss: true, damping: { kind: "relative", tau: 1 } },
    sizes: [5, 3],
  },
];

const randomCases = Object.fromEntries([
  ...LAYERS.map((plan, i) => [`${plan.name}.json`, layerCase(plan, 100 + i)]),
  ...COURSES.map(({ method, hyper, sizes = [6, 5, 3] }, i) => {
    const name = `traj_${i}_${method}`;
    return [`${name}.json`, trajectoryCase(name, method, sizes, { ...base, ...hyper }, 200 + i)];
  }),
]);

function passesRandomCases(backend: string): Promise<void> {
  return withFiles(randomCases, async (directory) => {
    const { code, lines, error } = await conformance(directory, `--backend=${backend}`);
    const total = LAYERS.length + COURSES.length;
    assert.equal(lines.at(-1), `${total} passed, 0 failed`, [...lines, error].join("\n"));
    assert.equal(code, 0);
  });
}

for (const backend of BACKENDS) {
  Deno.test(`conformance passes the oracle's cases of other shapes and courses on ${backend}`, () =>
    passesRandomCases(backend));
}
gpuTest(
  "conformance passes the oracle's cases of other shapes and courses",
  () => passesRandomCases("webgpu"),
);

Deno.test("conformance tells what is off, fails, and runs the other cases all the same", async () => {
  const sound = JSON.parse(await Deno.readTextFile(`${GOLDEN}dense_5x4_bias_ce.json`));
  const wrong = structuredClone(sound);
  wrong.expected.updates[4].update.data[3] *= 1.001;
  const unknown = structuredClone(sound);
  unknown.expected.updates[0].method = "shampoo";
  const damaged = structuredClone(sound);
  damaged.a.data.pop();
  const hollow = { name: "hollow", layer: sound.layer, a: sound.a, outputGrads: sound.outputGrads };
  const files = {
    "a_sound.json": sound,
    "b_wrong.json": wrong,
    "c_method.json": unknown,
    "d_damaged.json": damaged,
    "e_malformed.json": '{"name": ',
    "f_list.json": "[1, 2]",
    "g_other.json": { compilerOptions: {} },
    "h_hollow.json": hollow,
    "notes.txt": "not a case",
  };
  await withFiles(files, async (directory) => {
    const { code, lines } = await conformance(directory, "--backend", "reference");
    assert.equal(code, 1);
    assert.equal(lines.at(-1), "1 passed, 7 failed");
    const [sound, wrong, method, damaged, malformed, list, other, hollow] = lines.slice(1);
    assert.match(sound, /^ok {6}a_sound.json .* checks {2}worst .* % of the allowance/);
    assert.match(
      wrong,
      /^FAILED {2}b_wrong.json .*1 failed .* at update of tekfac at lambda 0.001/,
    );
    assert.match(method, /^FAILED .*'method' must be one of kfac, ekfac, .*received 'shampoo'/);
    assert.match(
      damaged,
      /^FAILED .*'a' must be an array .* received shape \[16, 5\] and 79 numbers/,
    );
    assert.match(malformed, /^FAILED .*it is not JSON/);
    assert.match(list, /^FAILED .*expected an object, received \[1,2\]/);
    assert.match(other, /^FAILED .*expected a golden case .* received .* compilerOptions/);
    assert.match(hollow, /^FAILED .*'expected' must be an object: received nothing/);
  });
});

const mistakes: readonly { what: string; args: string[]; sentence: RegExp }[] = [
  { what: "no directory", args: [], sentence: /'DIR' must be one directory/ },
  { what: "two directories", args: ["a", "b"], sentence: /'DIR' must be one directory/ },
  { what: "a directory that is missing", args: ["/nonexistent"], sentence: /expected a directory/ },
  {
    what: "an unknown option",
    args: [GOLDEN, "--bakend", "wasm"],
    sentence: /did you mean '--backend'/,
  },
  { what: "an unknown backend", args: [GOLDEN, "--backend", "cuda"], sentence: /must be one of/ },
];

for (const { what, args, sentence } of mistakes) {
  Deno.test(`conformance answers ${what} with one sentence and exit code 2`, async () => {
    const { code, lines, error } = await conformance(...args);
    assert.equal(code, 2);
    assert.match(error, sentence);
    assert.equal(error.split("\n").length, 1);
    assert.deepEqual(lines, [""]);
  });
}

Deno.test("conformance answers a host without a GPU with one sentence and exit code 2", async () => {
  const hidden = { DENO_WEBGPU_BACKEND: "vulkan", VK_DRIVER_FILES: "/nonexistent" };
  const { code, lines, error } = await conformanceIn(hidden, GOLDEN, "--backend", "webgpu");
  assert.equal(error, "Backend 'webgpu': none can run here (webgpu: no adapter)");
  assert.deepEqual([code, lines], [2, [""]]);
});

Deno.test("conformance answers a directory without cases with one sentence and exit code 2", () =>
  withFiles({ "notes.txt": "nothing" }, async (directory) => {
    const { code, error } = await conformance(directory);
    assert.equal(code, 2);
    assert.match(error, /expected golden cases \(\*\.json\), received no such file/);
  }));
