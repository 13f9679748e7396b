import assert from "#assert";
import { type Backend, createBackend } from "@tekfac/tekfac/backend";
import { type KroneckerCapture, Random } from "@tekfac/tekfac/core";
import {
  type DenseMatrix,
  denseMatrix,
  fisherBlock,
  frobeniusNorm,
  mapMatrix,
  patches,
  perExampleGradients,
} from "@tekfac/tekfac/linalg";
import {
  conv2d,
  dense,
  flatten,
  type ModelObjective,
  objective,
  sequential,
  softmaxCrossEntropy,
  tanh,
} from "@tekfac/tekfac/nn";
import { allClose } from "@tekfac/tekfac/testing";
import { exactFisher } from "../../lab/relationships/exact_fisher.ts";
import {
  fisherErrors,
  fisherRelationships,
  type LayerRelationships,
} from "../../lab/relationships/layer_relationships.ts";
import {
  relationshipsPage,
  relationshipsReport,
  theoremTable,
  verdictOf,
} from "../../lab/relationships/report.ts";
import { checkTheorems, type TheoremKind } from "../../lab/relationships/theorems.ts";

const EXAMPLES = 12;

/** A convolution of four locations, one of a single location, dense layers with and without a bias. */
async function withModel(
  body: (problem: ModelObjective, backend: Backend) => void,
): Promise<void> {
  using backend = await createBackend({ prefer: ["reference"] });
  {
    using model = sequential(backend, {
      input: [4, 4, 2],
      layers: [
        ...[conv2d(2, { kernel: 2, stride: 2 }), tanh(), conv2d(3, { kernel: 2 }), tanh()],
        ...[flatten(), dense(4, { bias: false }), tanh(), dense(3)],
      ],
      seed: 3,
    });
    body(objective(model, softmaxCrossEntropy()), backend);
  }
  assert.equal(backend.memory().handles, 0);
}

function batch() {
  const random = new Random(5);
  return {
    inputs: Float64Array.from({ length: EXAMPLES * 32 }, () => random.normal()),
    targets: Array.from({ length: EXAMPLES }, () => random.integer(3)),
  };
}

Deno.test("exactFisher() agrees with the blocks that follow from captures", async () => {
  await withModel((problem, backend) => {
    const blocks = exactFisher(problem, batch());
    const download = (m: { rows: number; cols: number } & Parameters<Backend["readSync"]>[0]) =>
      denseMatrix(m.rows, m.cols, backend.readSync(m));
    backend.scope(() => {
      problem.differentiate(batch(), undefined);
      problem.parameters.forEach((parameter, i) => {
        const capture = problem.capture(parameter) as KroneckerCapture;
        const inputs = capture.kind === "dense"
          ? download(capture.inputs)
          : patches(download(capture.images), capture.geometry);
        const gradients = perExampleGradients(inputs, download(capture.outputGradients), EXAMPLES);
        const expected = fisherBlock(gradients);
        // Sums of at most 12 examples and 4 locations, behind four layers of at most 16 inputs.
        const absolute = 4 * 16 * (EXAMPLES + 4) * 2 ** -53 * frobeniusNorm(expected);
        allClose(blocks[i].data, expected.data, { absolute, label: parameter.name });
      });
    });
  });
});

/** The layers of the model, computed once. */
async function layers(): Promise<LayerRelationships[]> {
  let found: LayerRelationships[] = [];
  await withModel((problem) => found = fisherRelationships(problem, batch()));
  return found;
}

Deno.test("checkTheorems() finds every kind of theorem, all of which hold", async () => {
  const found = await layers();
  assert.deepEqual(found.map(({ locations }) => locations), [4, 1, 1, 1]);
  assert.deepEqual(found.map(({ bias }) => bias), [true, true, false, true]);
  for (const layer of found) {
    const theorems = checkTheorems(layer);
    for (const { held, statement, measured, tolerance } of theorems) {
      assert.ok(held, `${layer.name}: ${statement}: ${measured} > ${tolerance}`);
    }
    const kinds = new Set(theorems.map(({ kind }) => kind));
    const single = ["one-example", "projection"]; // of a single location alone
    const expected = [
      "closest",
      "pythagoras",
      "trace",
      "one-example",
      "same-factors",
      "projection",
    ];
    assert.deepEqual(
      [...kinds],
      expected.filter((k) => !single.includes(k) || layer.locations === 1),
    );
  }
});

/** A copy of a matrix whose first entry is changed by a share of its norm. */
const nudged = (x: DenseMatrix, share: number): DenseMatrix => {
  const copy = mapMatrix(x, (value) => value);
  copy.data[0] += share * frobeniusNorm(x);
  return copy;
};

/** What is broken in a layer, and the statements that no longer hold. */
const mutations: [
  string,
  TheoremKind,
  (layer: LayerRelationships) => LayerRelationships,
  RegExp,
][] = [
  [
    "EKFAC is farther off than KFAC",
    "closest",
    (layer) => withMatrix(layer, "ekfac", mapMatrix(layer.matrices.kfac, (v) => 3 * v)),
    /^\|F - EKFAC\| <= \|F - KFAC\|$/,
  ],
  [
    "TEKFAC has another scale",
    "pythagoras",
    (layer) => withMatrix(layer, "tekfac", mapMatrix(layer.matrices.tekfac, (v) => 1.001 * v)),
    /^\|F - TKFAC\|\^2 = \|F - TEKFAC\|\^2 \+ \|TEKFAC - TKFAC\|\^2$/,
  ],
  [
    "an eigenvalue of TEKFAC is off by a millionth",
    "trace",
    (layer) => withMatrix(layer, "tekfac", nudged(layer.matrices.tekfac, 1e-6)),
    /^tr TEKFAC = tr F$/,
  ],
  ["delta is off by a billionth", "trace", (layer) => ({
    ...layer,
    delta: layer.delta * (1 + 1e-9),
  }), /^tr PhiRaw = delta$/],
  [
    "KFAC is not exact for one example",
    "one-example",
    (layer) => ({
      ...layer,
      single: withMatrix(layer.single, "kfac", nudged(layer.single.fisher, 1e-6)),
    }),
    /^KFAC = F for one example, T = 1$/,
  ],
  [
    "TEKFAC differs from EKFAC by more than its factors",
    "same-factors",
    (layer) => ({ ...layer, tekfacOfKfac: nudged(layer.tekfacOfKfac, 1e-9) }),
    /^TEKFAC = EKFAC where Phi, Psi := A, B$/,
  ],
  [
    "KFAC's factors are TKFAC's, and TKFAC's are KFAC's",
    "projection",
    (layer) => ({
      ...withMatrix(layer, "tkfac", layer.matrices.kfac),
      independent: { output: layer.psiRaw, input: layer.phiRaw },
    }),
    /^D\(F, TKFAC\) <= D\(F, c KFAC\)$/,
  ],
  [
    "a number is missing",
    "trace",
    (layer) => ({ ...layer, delta: NaN }),
    /^tr PsiRaw = delta$/,
  ],
];

function withMatrix<L extends Pick<LayerRelationships, "matrices">>(
  layer: L,
  method: keyof L["matrices"],
  matrix: DenseMatrix,
): L {
  return { ...layer, matrices: { ...layer.matrices, [method]: matrix } };
}

for (const [fault, kind, break_, statement] of mutations) {
  Deno.test(`checkTheorems() notices when ${fault}, and the page says so`, async () => {
    const [, layer] = await layers(); // the convolution of one location: every theorem speaks of it
    const before = checkTheorems(layer).find((theorem) => statement.test(theorem.statement));
    assert.equal(before?.held, true);
    const broken = break_(layer);
    const after = checkTheorems(broken).find((theorem) => statement.test(theorem.statement));
    assert.deepEqual([after?.kind, after?.held], [kind, false]);
    const report = relationshipsReport([broken]);
    assert.match(verdictOf(report), /^\d+ of 15 theorems held$/);
    assert.doesNotMatch(verdictOf(report), /^15 /);
    const row = theoremTable(report).rows.find((cells) => statement.test(cells[2]));
    assert.equal(row?.[1], "did not hold");
    assert.match(relationshipsPage(report, []), />did not hold</);
  });
}

Deno.test("fisherErrors() are norms of the difference: of a diagonal, its length and largest entry", async () => {
  const [layer] = await layers();
  const size = layer.fisher.rows;
  const diagonal = denseMatrix(size, size);
  for (let i = 0; i < size; i++) diagonal.data[i * size + i] = i === 2 ? -7 : 1;
  const matrix = mapMatrix(layer.fisher, (a, b) => a - b, diagonal);
  const { kfac } = fisherErrors(withMatrix(layer, "kfac", matrix));
  const scale = frobeniusNorm(layer.fisher) + 7;
  allClose([kfac.frobenius, kfac.spectral], [Math.sqrt(size - 1 + 49), 7], {
    absolute: 8 * size * 2 ** -53 * scale,
  });
});

Deno.test("relationshipsPage() paints F and every approximation with its error, and fetches nothing", async () => {
  const report = relationshipsReport(await layers());
  const page = relationshipsPage(report, [["data", `"a"<b>`]]);
  assert.doesNotMatch(page, /(src|href)="?https?:/);
  assert.doesNotMatch(page, /<b>/);
  const canvases = [
    ...page.matchAll(/<canvas class="map" tabindex="0" role="img" aria-label="([^"]+)"/g),
  ];
  assert.equal(canvases.length, 4 * 9);
  assert.equal(new Set(canvases.map(([, label]) => label)).size, 4 * 9);
  const data = page.match(/<script type="application\/json" id="maps">(.*?)<\/script>/)![1];
  const maps: { size: number; most: number; levels: string }[] = JSON.parse(data);
  assert.equal(maps.length, canvases.length);
  report.layers.forEach(({ fisher }, i) => {
    const { size, most, levels } = maps[9 * i];
    const painted = Int8Array.from(atob(levels), (sign) => sign.charCodeAt(0));
    assert.equal(painted.length, size * size);
    painted.forEach((level, k) => {
      const value = fisher.data[k];
      if (Math.abs(value) === most) assert.equal(level, 127 * Math.sign(value));
      if (level === 0) return assert.ok(Math.abs(value) < most / 98, `${value} is invisible`);
      assert.equal(Math.sign(level), Math.sign(value));
      const read = most * 10 ** (2 * (Math.abs(level) / 127 - 1));
      assert.ok(Math.abs(Math.log10(read / Math.abs(value))) < 0.51 * 2 / 127, `${value}: ${read}`);
    });
  });
  for (const [, code] of page.matchAll(/<script>([^]*?)<\/script>/g)) new Function(code);
});
