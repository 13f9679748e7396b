import assert from "#assert";
import { filesIn, inDirectory, lastLine, type Outcome, run, small, start } from "../e2e/_cli.ts";

Deno.test("compare puts several optimizers and seeds on one page", async () => {
  await inDirectory(async (directory) => {
    const which = ["--optimizers", "tekfac,sgd", "--seeds", "2", "--json"];
    const { code, stdout, stderr } = await run("compare", directory, ...small, ...which);
    assert.equal(stderr, "");
    assert.equal(code, 0);
    const { optimizers, seeds } = lastLine(stdout) as {
      optimizers: { optimizer: string; runs: unknown[]; failures: unknown[] }[];
      seeds: number[];
    };
    assert.deepEqual(seeds, [0, 1]);
    assert.deepEqual(optimizers.map(({ optimizer }) => optimizer), ["tekfac", "sgd"]);
    for (const { runs, failures } of optimizers) assert.equal(runs.length + failures.length, 2);
    // On data that the recipes are not for, what has a learning rate to choose tries some.
    const summary = JSON.parse(await Deno.readTextFile(`${directory}/compare.json`)) as {
      search: { keys: string[] };
      optimizers: { trials: unknown[]; notLearned: number }[];
    };
    assert.deepEqual(summary.search.keys, ["learningRate", "adamRate"]);
    assert.deepEqual(summary.optimizers.map(({ trials }) => trials.length), [0, 4]);
    assert.deepEqual(filesIn(directory), ["compare.html", "compare.json", "data"]);
    assert.match(await Deno.readTextFile(`${directory}/compare.html`), /Training loss by time/);
  });
});

Deno.test("compare rejects an unknown optimizer with exit code 2", async () => {
  await inDirectory(async (directory) => {
    const { code, stderr } = await run("compare", directory, "--optimizers", "tekfac,adma");
    assert.equal(code, 2);
    assert.match(
      stderr,
      /'--optimizers' must be one of .* \(did you mean 'adam'\?\): received 'adma'/,
    );
    assert.deepEqual(filesIn(directory), ["data"]);
  });
});

const search = [
  ...small,
  ...["--optimizers", "tekfac,sgd", "--seeds", "2", "--search", "2", "--search-keys"],
  ...["tau,learningRate", "--run", "lab"],
];

/** The lines of the journal. */
async function linesIn(directory: string): Promise<string[]> {
  const text = await Deno.readTextFile(`${directory}/lab/runs.jsonl`);
  assert.ok(text.endsWith("\n"));
  return text.trimEnd().split("\n");
}

Deno.test("compare --run keeps every training, and the same command does none of it again", async () => {
  await inDirectory(async (directory) => {
    const first = await run("compare", directory, ...search, "--json");
    assert.equal(first.stderr, "");
    assert.equal(first.code, 0);
    const files = ["compare.html", "compare.json", "config.json", "runs.jsonl"];
    assert.deepEqual(filesIn(`${directory}/lab`), files);
    assert.equal((await linesIn(directory)).length, 8);

    const journal = await Deno.readTextFile(`${directory}/lab/runs.jsonl`);
    const again = await run("compare", directory, ...search, "--json");
    assert.equal(await Deno.readTextFile(`${directory}/lab/runs.jsonl`), journal);
    assert.deepEqual(lastLine(again.stdout), lastLine(first.stdout));

    const more = await run("compare", directory, ...search, "--seeds", "3", "--json");
    assert.equal(more.code, 0);
    assert.equal((await linesIn(directory)).length, 10);
  });
});

Deno.test("compare --run begins anew where it was interrupted before the first training", async () => {
  await inDirectory(async (directory) => {
    await Deno.mkdir(`${directory}/lab`);
    await Deno.writeTextFile(`${directory}/lab/config.json.123.tmp`, `{ "format"`);
    const { code, stderr } = await run("compare", directory, ...search, "--json");
    assert.equal(stderr, "");
    assert.equal(code, 0);
  });
});

Deno.test("compare --equal-time can be asked for later, and only adds what is missing", async () => {
  await inDirectory(async (directory) => {
    assert.equal((await run("compare", directory, ...search, "--json")).code, 0);
    const lines = await linesIn(directory);
    const timed = await run("compare", directory, ...search, "--equal-time", "--json");
    assert.equal(timed.stderr, "");
    assert.equal(timed.code, 0);
    const more = await linesIn(directory);
    assert.deepEqual(more.slice(0, lines.length), lines);
    const added = more.slice(lines.length).map((line) => JSON.parse(line));
    assert.ok(added.every(({ kind, epochs }) => kind === "timed" && epochs === 1));
    const summary = JSON.parse(await Deno.readTextFile(`${directory}/lab/compare.json`));
    assert.equal(summary.optimizers.length, 2);
    for (const { timed } of summary.optimizers) assert.equal(timed.runs.length, 2);
    assert.equal(summary.pairsAtEqualTime.length, 1);
  });
});

Deno.test("compare --run goes on after a line that was cut off, with the same results", async () => {
  await inDirectory(async (directory) => {
    const whole = await run("compare", directory, ...search, "--json");
    const lines = await linesIn(directory);
    const cut = lines.slice(0, 5).join("\n") + "\n" + lines[5].slice(0, 100);
    await Deno.writeTextFile(`${directory}/lab/runs.jsonl`, cut);
    const resumed = await run("compare", directory, ...search, "--json");
    assert.equal(resumed.code, 0);
    assert.deepEqual((await linesIn(directory)).slice(0, 5), lines.slice(0, 5));
    const losses = ({ stdout }: Outcome) =>
      (lastLine(stdout).optimizers as { runs: { trainLoss: number }[] }[])
        .map(({ runs }) => runs.map(({ trainLoss }) => trainLoss));
    assert.deepEqual(losses(resumed), losses(whole));
  });
});

Deno.test("compare --run survives being killed: what was done is kept, the rest is done later", async () => {
  await inDirectory(async (directory) => {
    const long = search.map((argument) => argument === "2" ? "20" : argument);
    const process = start("compare", directory, ...long, "--json");
    const killed = await killAfterLines(process, `${directory}/lab/runs.jsonl`, 4);
    assert.ok(killed >= 4);
    const before = await Deno.readTextFile(`${directory}/lab/runs.jsonl`);
    const whole = before.slice(0, before.lastIndexOf("\n") + 1);
    const { code, stdout } = await run("compare", directory, ...long, "--json");
    assert.equal(code, 0);
    assert.equal(lastLine(stdout).complete, true);
    const lines = await linesIn(directory);
    assert.equal(lines.length, 80);
    assert.ok(`${lines.join("\n")}\n`.startsWith(whole));
  });
});

/** Mistakes with a run directory in `lab`, made by `search`, and what is said about them. */
const mistakes: [string[], RegExp][] = [
  [["--epochs", "3"], /'lab': it holds a comparison whose epochs is 2, received 3; use another/],
  [["--search", "3"], /'lab': it holds a comparison whose search is 2, received 3; use another/],
  [["--optimizers", "sgd,tekfac"], /whose optimizers is \["tekfac","sgd"\], received \["sgd",/],
  [["--model", "mlp"], /whose model is "cnn", received "mlp"/],
  [["--seed", "7"], /whose seed is 0, received 7/],
  [["--search-keys", "taau"], /'--search-keys' must be one of .* \(did you mean 'tau'\?\)/],
  [["--run", "data"], /'data': expected an empty directory or one that a comparison has made/],
  [["--run", "data/t10k-labels-idx1-ubyte"], /expected a directory, received a file/],
  [["--run", "damaged"], /config\.json': expected a JSON object, received 'null'/],
  [["--report", "thesis.html"], /'--report' must not name a file that this command has not made/],
  [["--report", "data.html"], /'--report' must not name .* has not made: received 'data\.json'/],
  [["--report", "nowhere/x.html"], /'--report' must name a file in a directory that exists/],
];

Deno.test("compare says in one sentence why a run directory cannot be used, and leaves it as it is", async () => {
  await inDirectory(async (directory) => {
    assert.equal((await run("compare", directory, ...search, "--json")).code, 0);
    const held = await contentsOf(`${directory}/lab`);
    await Deno.mkdir(`${directory}/damaged`);
    await Deno.writeTextFile(`${directory}/damaged/config.json`, "null\n");
    await Deno.writeTextFile(`${directory}/thesis.html`, "my thesis");
    await Deno.writeTextFile(`${directory}/data.json`, "{}");
    const before = filesIn(directory);
    for (const [args, sentence] of mistakes) {
      const { code, stdout, stderr } = await run("compare", directory, ...search, ...args);
      assert.equal(code, 2, `${args}: ${stderr}`);
      assert.equal(stdout, "");
      assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
      assert.match(stderr.trimEnd(), sentence);
      assert.deepEqual(filesIn(directory), before);
      assert.deepEqual(await contentsOf(`${directory}/lab`), held);
    }
    const keys = await run("compare", directory, ...small, "--search", "0", "--search-keys", "tau");
    assert.equal(keys.code, 2);
    assert.match(keys.stderr, /'--search-keys' needs --search N, the number of trials/);
  });
});

Deno.test("compare --run refuses to share a directory with another process", async () => {
  await inDirectory(async (directory) => {
    assert.equal((await run("compare", directory, ...search, "--json")).code, 0);
    using file = await Deno.open(`${directory}/lab/runs.jsonl`, { read: true, write: true });
    await file.lock(true);
    const { code, stderr } = await run("compare", directory, ...search, "--json");
    assert.equal(code, 2);
    assert.match(stderr, /^Cannot work in 'lab': another process is working in it\n$/);
  });
});

async function contentsOf(directory: string): Promise<Record<string, string>> {
  const texts = filesIn(directory).map(async (name) =>
    [name, await Deno.readTextFile(`${directory}/${name}`)] as const
  );
  return Object.fromEntries(await Promise.all(texts));
}

/** Kills a process, without a chance to tidy up, as soon as a file has so many lines. */
async function killAfterLines(
  process: Deno.ChildProcess,
  file: string,
  least: number,
): Promise<number> {
  const count = async (): Promise<number> => {
    const text = await Deno.readTextFile(file).catch(() => "");
    return text.split("\n").length - 1;
  };
  while (await count() < least) await new Promise((resolve) => setTimeout(resolve, 2));
  process.kill("SIGKILL");
  await process.status;
  return await count();
}
