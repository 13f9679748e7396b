/** `deno task train --model gpt`, from outside. */
import assert from "#assert";
import { grammarText } from "@tekfac/tekfac/data";
import { filesIn, inDirectory, lastLine, run } from "./_cli.ts";

const sizes = "--layers 1 --heads 2 --width 16 --context 8 --batch 4".split(" ");
const gpt = ["--model", "gpt", ...sizes];

Deno.test("train --model gpt learns a text, writes one, and a page about it", async () => {
  await inDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/t.txt`, grammarText({ characters: 3000, seed: 5 }));
    const args = [...gpt, "--text", "t.txt", "--steps", "40", "--report", "r.html"];
    const { code, stdout, stderr } = await run("train", directory, ...args);
    assert.equal(stderr, "");
    assert.equal(code, 0);
    assert.match(stdout, /^optimizer muon, model gpt of 1 layers, 2 heads, width 16, context 8, /);
    assert.match(stdout, /data t\.txt, training characters 2,700, held-out characters 300,/);
    assert.match(stdout, /^held-out loss +\d\.\d+ nats per character$/m);
    assert.match(stdout, /^speed +[\d,]+ tokens per second$/m);
    const page = await Deno.readTextFile(`${directory}/r.html`);
    assert.match(page, /<h2>Sample<\/h2>/);
    assert.match(page, /Tokens per second/);
    assert.doesNotMatch(page, /(src|href)="?https?:/);
  });
});

Deno.test("train --model gpt goes on with --load and the saved settings", async () => {
  await inDirectory(async (directory) => {
    const train = async (...args: string[]) => {
      const { code, stdout, stderr } = await run("train", directory, "--json", ...args);
      assert.equal(stderr, "");
      assert.equal(code, 0);
      return lastLine(stdout);
    };
    for (const optimizer of ["muon", "tekfac"]) {
      const whole = await train(...gpt, "--steps", "12", "--optimizer", optimizer, "--save", "a");
      const again = await train("--load", "a");
      assert.deepEqual(Object.keys(whole), [
        ...["optimizer", "model", "backend", "steps", "heldOutLoss"],
        ...["seconds", "stepMs", "tokensPerSecond", "sample"],
      ]);
      assert.equal(again.heldOutLoss, whole.heldOutLoss);
      assert.equal(again.sample, whole.sample);
      const further = await train("--load", "a", "--steps", "16");
      assert.equal(further.optimizer, optimizer);
      assert.notEqual(further.heldOutLoss, whole.heldOutLoss);
    }
  });
});

const mistakes: [string[], RegExp][] = [
  [[...gpt, "--epochs", "3"], /'--epochs' is no option of gpt: received 3$/],
  [[...gpt, "--data", "data"], /'--data' is no option of gpt: received 'data'$/],
  [["--steps", "3"], /'--steps' is an option of gpt only \(--model gpt\): received 3$/],
  [["--model", "gpt", "--heads", "3"], /channels that 3 heads divide evenly, received 128$/],
  [[...gpt, "--text", "nowhere"], /'nowhere': expected a file, received nothing/],
  [[...gpt, "--text", "short"], /'text': expected at least 9 tokens \(context \+ 1\), received 1$/],
  [[...gpt, "--text", "bytes"], /'bytes': expected text in UTF-8, received something else$/],
];

Deno.test("train --model gpt says what is wrong in one sentence, and leaves no file", async () => {
  await inDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/short`, "0123456789");
    await Deno.writeFile(`${directory}/bytes`, Uint8Array.of(0xff, 0xfe, 0xff));
    const before = filesIn(directory);
    for (const [args, sentence] of mistakes) {
      const { code, stderr } = await run("train", directory, "--save", "s", "--json", ...args);
      assert.equal(code, 2, `${args}: ${stderr}`);
      assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
      assert.match(stderr.trimEnd(), sentence);
      assert.deepEqual(filesIn(directory), before);
    }
  });
});
