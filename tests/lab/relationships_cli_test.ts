import assert from "#assert";
import { filesIn, inDirectory, run } from "../e2e/_cli.ts";

/** Quick, and with every kind of layer. */
const quick = ["--epochs", "1", "--examples", "40"];

/** A row of each kind of theorem, for a layer that it speaks of. */
const rows = [
  /^conv1 +held +\|F - EKFAC\| <= \|F - KFAC\| .* EKFAC, section 3 \(2\.16\)$/m,
  /^conv2 +held +\|F - TEKFAC\| <= \|F - TKFAC\| .* TEKFAC, theorem 3\.1 \(2\.16\)$/m,
  /^dense1 +held +\|F - TKFAC\|\^2 = \|F - TEKFAC\|\^2 \+ \|TEKFAC - TKFAC\|\^2 /m,
  /^dense2 +held +tr TEKFAC = tr F /m,
  /^conv1 +held +tr TKFAC = delta, T > 1 .* TKFAC, theorem 4\.3 \(2\.6, no\. 2\)$/m,
  /^conv2 +held +tr TKFAC = tr F, T = 1 /m,
  /^conv2 +held +KFAC = F for one example, T = 1 /m,
  /^dense2 +held +TEKFAC = F for one example, T = 1 /m,
  /^conv1 +held +TEKFAC = EKFAC where Phi, Psi := A, B /m,
];

Deno.test("relationships prints and writes errors and theorems, all of which hold", async () => {
  await inDirectory(async (directory) => {
    const { code, stdout, stderr } = await run("relationships", directory, ...quick);
    assert.equal(stderr, "");
    assert.equal(code, 0);
    assert.match(stdout, /^conv1 +TEKFAC +\d/m);
    for (const row of rows) assert.match(stdout, row);
    assert.match(stdout, /^55 of 55 theorems held$/m);
    assert.doesNotMatch(stdout, /did not hold/);
    assert.deepEqual(filesIn(directory), ["data", "relationships.html"]);
    const page = await Deno.readTextFile(`${directory}/relationships.html`);
    assert.match(page, />55 of 55</);
    assert.doesNotMatch(page, />did not hold</);

    const again = await run("relationships", directory, ...quick, "--model", "mlp", "--seed", "3");
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stdout, /^45 of 45 theorems held$/m);
    assert.notEqual(await Deno.readTextFile(`${directory}/relationships.html`), page);
  });
});

Deno.test("relationships says what is wrong in one sentence, exits with 2 and overwrites nothing", async () => {
  await inDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/notes.txt`, "mine");
    const mistakes: [string[], RegExp][] = [
      [["--out", "notes.txt"], /'--out' must not name a file that this command has not made/],
      [["--out", "data"], /'--out' must name a file, not a directory/],
      [["--out", "nowhere/x.html"], /'--out' must name a file in a directory that exists/],
      [["--model", "vgg"], /'--model' must be one of 'cnn', 'mlp'/],
      [["--examples", "0"], /'--examples' must be an integer >= 1/],
      [["--sed", "1"], /'--sed' is not an option, did you mean '--seed'\?/],
    ];
    for (const [args, sentence] of mistakes) {
      const { code, stdout, stderr } = await run("relationships", directory, ...args);
      assert.equal(code, 2, stderr);
      assert.equal(stdout, "");
      assert.match(stderr, sentence);
      assert.equal(stderr.trimEnd().split("\n").length, 1);
      assert.deepEqual(filesIn(directory), ["data", "notes.txt"]);
      assert.equal(await Deno.readTextFile(`${directory}/notes.txt`), "mine");
    }
    const { code, stdout } = await run("relationships", directory, "--help");
    assert.equal(code, 0);
    for (const name of ["model", "epochs", "examples", "seed", "out", "help"]) {
      assert.match(stdout, new RegExp(`^  --${name}\\b`, "m"));
    }
  });
});
