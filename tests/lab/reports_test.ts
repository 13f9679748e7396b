import assert from "#assert";
import type { ChartLibrary } from "@tekfac/tekfac/pages";
import { type RunReport, runReport, type TrainingRecord } from "@tekfac/tekfac/training";
import { compareReport } from "../../lab/compare_report.ts";

const record: TrainingRecord = {
  stepLosses: Array.from({ length: 5000 }, (_, i) => 2 / (i + 1)),
  endedBy: "epochs",
  notes: [],
  stepsPerEpoch: 2500,
  epochs: [1, 2].map((epoch) => ({
    epoch,
    runningLoss: 1 / epoch,
    testLoss: 0.5 / epoch,
    testAccuracy: 1 - 0.1 / epoch,
    seconds: 3 * epoch,
  })),
  trainLoss: 0.0123,
  testLoss: 0.25,
  testAccuracy: 0.95,
  seconds: 6,
  stepMs: 1.2,
};

const report: RunReport = {
  title: "TEKFAC on <glyphs> & more",
  record,
  settings: [["optimizer", "tekfac"], ["data", `"a"<b>`]],
  spectra: [{
    name: "dense1",
    eigenvalues: Float64Array.from({ length: 100_000 }, (_, i) => i < 50_000 ? 1 / (i + 1) : 0),
  }],
  description: "layer  block\ndense1 tekfac",
};

/** Stands for uPlot; holds what would end a script element. */
const library: ChartLibrary = { script: `var uPlot = "</script><!--";`, style: ".u{}" };

const pages: [string, string][] = [
  ["runReport()", runReport(report, library)],
  [
    "compareReport()",
    compareReport({
      title: "Optimizers on <glyphs> & more",
      contestants: [
        { name: "tekfac", runs: [{ ...record, seed: 0 }, { ...record, seed: 1 }], failures: [] },
        { name: "adam", runs: [{ ...record, seed: 0 }], failures: [] },
        { name: "sgd", runs: [], failures: ["seed 0: the loss is not finite"] },
      ],
      settings: report.settings,
      descriptions: ["tekfac: <description>"],
    }, library),
  ],
];

/** The text of a page without the contents of its script and style elements. */
const markup = (page: string) => page.replace(/<(script|style)([^>]*)>[^]*?<\/\1>/g, "<$1$2></$1>");

/** The charts that a page carries. */
function chartsOf(page: string): { title: string; series: { name: string; x: number[] }[] }[] {
  return JSON.parse(page.match(/id="charts">([^]*?)<\/script>/)?.[1] ?? "");
}

for (const [name, page] of pages) {
  Deno.test(`${name} fetches nothing: no link, import or address outside the page`, () => {
    assert.doesNotMatch(markup(page), /<link|<img|<iframe|\bsrc=|\bhref=/);
    assert.doesNotMatch(page, /@import|url\(|\bfetch\(|import\(/);
  });

  Deno.test(`${name} closes every element it opens`, () => {
    const open: string[] = [];
    const empty = new Set(["meta", "br", "hr"]);
    for (const [, end, tag] of markup(page).matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*>/g)) {
      if (end === "/") assert.equal(open.pop(), tag);
      else if (!empty.has(tag)) open.push(tag);
    }
    assert.deepEqual(open, []);
  });

  Deno.test(`${name} escapes every text`, () => {
    assert.match(page, /<h1>[^<]*on &#60;glyphs&#62; &#38; more<\/h1>/);
    assert.doesNotMatch(markup(page), /<b>|<glyphs>|<description>/);
  });

  Deno.test(`${name} lets no library end its script element or open a comment`, () => {
    assert.equal(page.match(/<script/g)?.length, page.match(/<\/script>/g)?.length);
    assert.doesNotMatch(page, /<!--/);
    // What was replaced still means the same.
    const script = page.match(/<script>(var uPlot[^]*?)<\/script>/)?.[1];
    assert.equal(new Function(`${script} return uPlot;`)(), "</script><!--");
  });

  Deno.test(`${name} has a place for each chart, and a script that compiles`, () => {
    assert.equal(page.match(/class="chart"/g)?.length, chartsOf(page).length);
    const script = page.match(/<script>\s*("use strict"[^]*?)<\/script>/)?.[1] ?? "";
    assert.match(script, /new uPlot/);
    new Function(script);
  });
}

Deno.test("runReport() thins long lines and keeps their ends", () => {
  const [loss, , spectrum] = chartsOf(pages[0][1]);
  const { x } = loss.series[0];
  assert.ok(x.length <= 1600);
  assert.equal(x[0], 1);
  assert.equal(x.at(-1), 5000);
  const ranks = spectrum.series[0].x;
  assert.ok(ranks.length <= 400 && ranks.at(-1) as number <= 50_000);
  assert.ok(ranks.every((rank, i) => i === 0 || rank > ranks[i - 1]));
});

Deno.test("runReport() gives every number as text, too", () => {
  const text = markup(pages[0][1]);
  for (const number of ["95.00 %", "0.0123", "1.2 ms", "6.0 s", "90.00 %", "100,000"]) {
    assert.ok(text.includes(number), number);
  }
});

Deno.test("runReport() leaves out what an optimizer or a model does not have", () => {
  const epochs = record.epochs.map((epoch) => ({ ...epoch, testAccuracy: null }));
  const page = runReport({
    ...report,
    record: { ...record, epochs, testAccuracy: null },
    spectra: [],
  }, library);
  assert.deepEqual(chartsOf(page).map(({ title }) => title), [
    "Training loss per step",
    "Test loss per epoch",
  ]);
  assert.doesNotMatch(markup(page), /Test accuracy<\/dt>/);
});

Deno.test("runReport() of a run without steps has no empty chart", () => {
  const idle = { ...record, stepLosses: [], epochs: [] };
  assert.deepEqual(chartsOf(runReport({ ...report, record: idle, spectra: [] }, library)), []);
});

Deno.test("compareReport() draws each optimizer that finished, by epoch and by time", () => {
  const charts = chartsOf(pages[1][1]);
  assert.deepEqual(charts.map(({ title }) => title), [
    "Training loss by epoch",
    "Training loss by time",
    "Test accuracy by epoch",
    "Test accuracy by time",
  ]);
  for (const { series } of charts) {
    assert.deepEqual(series.map(({ name }) => name), ["tekfac", "adam"]);
  }
  assert.match(markup(pages[1][1]), /sgd, seed 0: the loss is not finite/);
});

/** The functions of a page's script, which needs no page until it draws. */
const script = pages[0][1].match(/<script>\s*("use strict"[^]*?)<\/script>/)?.[1] ?? "";
const drawing = new Function(
  `${script.slice(0, script.indexOf("const charts = "))} return { logTicks, scaleOf };`,
)() as {
  logTicks(low: number, high: number): number[];
  scaleOf(axis: object, pad: number): { range?: (...args: unknown[]) => [number, number] };
};

Deno.test("a page's logarithmic axes reach no further than their data, and have ticks at any width", () => {
  const { range } = drawing.scaleOf({ log: true }, 0.05);
  const [low, high] = range!(null, 0.3, 2.4);
  assert(low > 0.25 && low < 0.3 && high > 2.4 && high < 2.8);
  for (const [from, to] of [[0.31, 0.36], [0.3, 2.4], [0.02, 3], [1e-9, 50], [1e-30, 1e30]]) {
    const ticks = drawing.logTicks(from, to);
    assert(ticks.length >= 3 && ticks.length <= 12, `${from} to ${to}: ${ticks}`);
    assert(ticks.every((tick) => tick >= from && tick <= to));
  }
  assert.deepEqual(drawing.logTicks(0.3, 2.4), [0.3, 0.5, 1, 2]);
  assert.equal(drawing.scaleOf({ fromZero: true }, 0).range!(null, 3, 9)[0], 0);
});

Deno.test("a page tells its charts in words, many lines by the first and the last", () => {
  const text = (page: string) =>
    [...page.matchAll(/role="img" aria-label="([^"]*)"/g)].map((m) => m[1]);
  const [loss] = text(pages[0][1]);
  assert.match(
    loss,
    /^Training loss per step: loss against step\. .* average: from 2 at step 1 to /,
  );
  const spectra = Array.from({ length: 39 }, (_, i) => ({
    name: `conv${i + 1}`,
    eigenvalues: Float64Array.of(3, 2, 1),
  }));
  const page = runReport({ ...report, spectra }, library);
  const spectrum = text(page)[2];
  assert.match(
    spectrum,
    /39 lines, from conv1 to conv39\. conv1: from 3 at rank 1 to 1 at rank 3, /,
  );
  assert.doesNotMatch(spectrum, /conv2:/);
  const charts = chartsOf(page) as unknown as { ordered?: boolean }[];
  assert.deepEqual(charts.map(({ ordered }) => ordered), [undefined, undefined, true]);
});

Deno.test("compareReport() begins its losses by time at 0, and shows what the first step takes", () => {
  const epochs = record.epochs.map((epoch) => ({ ...epoch, trainLoss: 1 }));
  const run = { ...record, epochs, initialLoss: 2.3, firstStepSeconds: 0.5, seed: 0 };
  const page = compareReport({
    title: "",
    contestants: [{ name: "tekfac", runs: [run, { ...run, firstStepSeconds: 0.7 }], failures: [] }],
    settings: [],
    descriptions: [],
  }, library);
  const [, { series: [line] }] = chartsOf(page) as { series: { x: number[]; y?: number[] }[] }[];
  assert.deepEqual(line.x, [0, 0.6, 3, 6]);
  assert.deepEqual(line.y, [2.3, 2.3, 1, 1]);
});
