import assert from "#assert";
import { decodeSafetensors, encodeSafetensors } from "@tekfac/tekfac/optim";
import { cifar } from "../data/_files.ts";
import { filesIn, inDirectory, lastLine, run, small, writeData } from "./_cli.ts";

const keys = [
  "optimizer",
  "model",
  "backend",
  "epochs",
  "trainLoss",
  "testLoss",
  "testAccuracy",
  "testLosses",
  "seconds",
  "stepMs",
];

for (const [model, optimizer] of [["mlp", "tekfac"], ["autoencoder", "ekfac"], ["cnn", "adam"]]) {
  Deno.test(`train --json of ${model} with ${optimizer} ends with one object, and nothing else shows`, async () => {
    await inDirectory(async (directory) => {
      const names = ["--model", model, "--optimizer", optimizer];
      const { code, stdout, stderr } = await run("train", directory, ...small, ...names, "--json");
      assert.equal(stderr, "");
      assert.equal(code, 0);
      const result = lastLine(stdout);
      assert.deepEqual(Object.keys(result), keys);
      assert.equal(result.model, model);
      assert.equal(result.optimizer, optimizer);
      assert.equal(result.epochs, 2);
      for (const key of ["trainLoss", "testLoss", "seconds", "stepMs"]) {
        assert.ok(Number.isFinite(result[key]), key);
      }
      if (model === "autoencoder") assert.equal(result.testAccuracy, null);
      else assert.ok(result.testAccuracy as number >= 0 && result.testAccuracy as number <= 1);
      assert.deepEqual(filesIn(directory), ["data", "report.html"]);
    });
  });
}

Deno.test("train prints test accuracy and a table, and writes a page that carries its charts", async () => {
  await inDirectory(async (directory) => {
    const { code, stdout, stderr } = await run("train", directory, ...small, "--report", "r.html");
    assert.equal(stderr, "");
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^optimizer tekfac, model cnn, data data, training images 48, test images 12/,
    );
    assert.match(stdout, /^epoch {2}loss while training {2}test loss {2}test accuracy +time$/m);
    assert.match(stdout, /^test accuracy +\d+\.\d\d %$/m);
    const page = await Deno.readTextFile(`${directory}/r.html`);
    assert.match(page, /uPlot/);
    assert.match(page, /Spectrum of each layer/);
    assert.doesNotMatch(page, /(src|href)="?https?:/);
  });
});

Deno.test("train --load goes on with the saved settings, or evaluates what is done", async () => {
  await inDirectory(async (directory) => {
    const train = (...args: string[]) => run("train", directory, "--json", ...args);
    const model = ["--model", "resnet20", "--width", "2"];
    const saved = await train(...small, ...model, "--seed", "5", "--save", "saved");
    assert.equal(saved.code, 0);

    // All epochs are done: an evaluation is left, of exactly the saved weights.
    const again = await train("--load", "saved");
    assert.equal(again.stderr, "");
    for (const key of ["model", "epochs", "trainLoss", "testLoss", "testAccuracy"]) {
      assert.equal(lastLine(again.stdout)[key], lastLine(saved.stdout)[key], key);
    }

    const further = await train("--load", "saved", "--epochs", "3");
    assert.equal(further.stderr, "");
    assert.equal(lastLine(further.stdout).epochs, 3);
    assert.notEqual(lastLine(further.stdout).trainLoss, lastLine(saved.stdout).trainLoss);

    const other = await train("--load", "saved", "--model", "mlp");
    assert.equal(other.code, 2);
    assert.match(other.stderr, /^Cannot load a checkpoint: .*\n$/);
  });
});

Deno.test("train learns CIFAR's files normalized and varied, goes on with them, and compare does the same", async () => {
  await inDirectory(async (directory) => {
    await Deno.mkdir(`${directory}/cifar`);
    const records = cifar(Array.from({ length: 20 }, (_, i) => [i % 20, i % 100]));
    await Deno.writeFile(`${directory}/cifar/train.bin`, records);
    await Deno.writeFile(`${directory}/cifar/test.bin`, records);
    const where = ["--data", `${directory}/cifar`];
    const data = [...where, "--labels", "coarse", "--model", "mlp", "--batch", "10"];
    const adam = ["--optimizer", "adam"];
    const first = await run(
      "train",
      directory,
      ...data,
      ...adam,
      "--epochs",
      "1",
      "--save",
      "saved",
    );
    assert.equal(first.stderr, "");
    assert.match(
      first.stdout,
      /normalization mean (0\.\d{4} ){3}deviation 0\.\d{4} 0\.\d{4} 0\.\d{4}, augmentation crop-flip/,
    );
    const further = await run("train", directory, "--load", "saved", "--epochs", "2");
    assert.equal(further.stderr, "");
    assert.match(further.stdout, /augmentation crop-flip, epochs 2/);
    const report = await Deno.readTextFile(`${directory}/report.html`);
    assert.match(report, /<title>ADAM on cifar<\/title>/);
    const plain = [...data, "--augment", "none", "--optimizers", "sgd", "--seeds", "1"];
    const compared = await run("compare", directory, ...plain, "--epochs", "1");
    assert.equal(compared.code, 0, compared.stderr);
    const page = await Deno.readTextFile(`${directory}/compare.html`);
    assert.match(page, /normalization/);
    assert.doesNotMatch(page, /augmentation/);
  });
});

Deno.test("train exits with 1 when training diverges, says what to try, and leaves no page", async () => {
  await inDirectory(async (directory) => {
    const sgd = [...small, "--optimizer", "sgd", "--model", "cnn", "--epochs", "1"];
    assert.equal((await run("train", directory, ...sgd, "--save", "saved")).code, 0);
    await Deno.remove(`${directory}/report.html`);
    const { arrays, metadata } = decodeSafetensors(await Deno.readFile(`${directory}/saved`));
    arrays["dense1.weights"].data.fill(3e38);
    const poisoned = encodeSafetensors({ arrays, metadata });
    await Deno.writeFile(`${directory}/poisoned`, poisoned);

    const args = ["--load", "poisoned", "--epochs", "2", "--save", "poisoned"];
    const { code, stderr } = await run("train", directory, ...args);
    assert.equal(code, 1);
    assert.match(stderr, /^[^\n]*not finite[^\n]*Try a smaller learning rate[^\n]*\n$/);
    assert.deepEqual(filesIn(directory), ["data", "poisoned", "saved"]);
    assert.deepEqual(await Deno.readFile(`${directory}/poisoned`), poisoned);
  });
});

Deno.test("train overwrites nothing that is not its own", async () => {
  await inDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/thesis`, "my thesis");
    const model = [...small, "--model", "mlp", "--epochs", "1"];
    for (
      const [args, sentence] of [
        [["--report", "thesis"], /'--report' must not name a file that this command has not made/],
        [["--save", "thesis"], /'--save' must not name a file that this command has not made/],
        [["--save", "a", "--report", "a"], /'--report' must not name the file of '--save'/],
      ] as const
    ) {
      const { code, stderr } = await run("train", directory, ...model, ...args);
      assert.equal(code, 2);
      assert.match(stderr, sentence);
      assert.deepEqual(filesIn(directory), ["data", "thesis"]);
    }
    assert.equal(await Deno.readTextFile(`${directory}/thesis`), "my thesis");
    // What it has made itself is replaced.
    for (let times = 0; times < 2; times++) {
      assert.equal((await run("train", directory, ...model, "--save", "a")).code, 0);
    }
  });
});

Deno.test({
  name: "train goes on when a state cannot be saved, warns, and ends with 1",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await inDirectory(async (directory) => {
      // Full from the beginning: what is written there is refused.
      const model = [...small, "--model", "mlp", "--epochs", "2"];
      const { code, stderr } = await run("train", directory, ...model, "--save", "/dev/full");
      assert.equal(code, 1);
      assert.equal(
        stderr.match(/^Cannot write '\/dev\/full': [^\n]*training goes on$/gm)?.length,
        2,
      );
      assert.match(stderr, /the end of the training is not saved/);
      assert(filesIn(directory).includes("report.html"));
    });
  },
});

Deno.test("train --help explains every option", async () => {
  await inDirectory(async (directory) => {
    const { code, stdout } = await run("train", directory, "--help");
    assert.equal(code, 0);
    const names =
      "optimizer model width data labels limit augment epochs batch seed backend text layers heads " +
      "context steps save load report json help";
    for (const name of names.split(" ")) assert.match(stdout, new RegExp(`^  --${name}\\b`, "m"));
    assert.deepEqual(filesIn(directory), ["data"]);
  });
});

/** Arguments that are wrong, and the whole sentence that says so. */
const mistakes: [string[], RegExp][] = [
  [
    ["--model", "vgg16", "--epochs", "1"],
    /^Cannot train vgg16: expected images of at least 32 x 32 pixels \(resnet20 .*\), received/,
  ],
  [
    ["--optimzer", "adam"],
    /'--optimzer' is not an option, did you mean '--optimizer'\?: received '--optimzer'$/,
  ],
  [
    ["--frobnicate"],
    /'--frobnicate' is not an option \(known: --optimizer, --model, .*\): received/,
  ],
  [
    ["--optimizer", "tekfak"],
    /'--optimizer' must be one of 'tekfac', .* \(did you mean 'tekfac'\?\)/,
  ],
  [
    ["--model", "transformer"],
    /'--model' must be one of 'cnn', 'mlp', 'autoencoder', 'resnet20', 'vgg16', 'gpt': received/,
  ],
  [["--epochs", "ten"], /'--epochs' must be an integer >= 0 .*: received 'ten'$/],
  [["--batch", "0"], /'--batch' must be an integer >= 1 .*: received 0$/],
  [["--batch", "1.5"], /'--batch' must be an integer >= 1 .*: received 1\.5$/],
  [["--seed"], /'--seed' needs a value N: received 'nothing'$/],
  [["--json=yes"], /'--json' takes no value: received 'yes'$/],
  [["glyphs"], /'glyphs' belongs to no option: received 'glyphs'$/],
  [
    ["--data", "nowhere"],
    /'nowhere': expected a directory with IDX files .*, received nothing under/,
  ],
  [["--data", "empty"], /'empty': expected a directory with IDX files .*, received none of these$/],
  [["--data", "truncated"], /so the file is truncated$/],
  [["--data", "cifar"], /'cifar': expected files of CIFAR-100 to learn .* without test\.bin$/],
  [
    ["--data", "cut"],
    /'cut\/test\.bin': expected CIFAR-100 records of 3074 bytes each, received 3000/,
  ],
  [
    ["--data", "beyond"],
    /'beyond\/test\.bin': expected CIFAR-100 labels in \[0, 99\], received 100/,
  ],
  [
    ["--data", "svhn"],
    /'svhn\/train_32x32\.mat': expected a MATLAB file of version 5 .* received 3 /,
  ],
  [["--labels", "coarse"], /'--labels' is a choice for CIFAR-100 only, and needs --data DIR/],
  [
    ["--augment", "mirror"],
    /'--augment' must be one of 'none', 'crop', 'crop-flip'.*: received 'mirror'$/,
  ],
  [["--data", "data", "--labels", "fine"], /'labels' is a choice for CIFAR-100 only, and 'data'/],
  [
    ["--data", "data", "--model", "cnn", "--load", "nowhere"],
    /'nowhere': expected a file, received/,
  ],
  [["--data", "data", "--load", "data/t10k-labels-idx1-ubyte"], /t10k-labels-idx1-ubyte/],
  [["--save", "nowhere/x"], /'--save' must name a file in a directory that exists: received/],
  [["--report", "data"], /'--report' must name a file, not a directory: received 'data'$/],
];

Deno.test("train says what is wrong in one sentence, exits with 2 and leaves no file", async () => {
  await inDirectory(async (directory) => {
    await Deno.mkdir(`${directory}/empty`);
    await writeData(`${directory}/truncated`);
    await Deno.truncate(`${directory}/truncated/t10k-images-idx3-ubyte`, 100);
    await Deno.mkdir(`${directory}/cifar`);
    await Deno.writeFile(`${directory}/cifar/train.bin`, new Uint8Array(3074));
    const broken = {
      cut: { "train.bin": cifar([[1, 2]]), "test.bin": new Uint8Array(3000) },
      beyond: { "train.bin": cifar([[1, 2]]), "test.bin": cifar([[1, 100]]) },
      svhn: { "train_32x32.mat": new Uint8Array(3), "test_32x32.mat": new Uint8Array(3) },
    };
    for (const [name, files] of Object.entries(broken)) {
      await Deno.mkdir(`${directory}/${name}`);
      for (const [file, bytes] of Object.entries(files)) {
        await Deno.writeFile(`${directory}/${name}/${file}`, bytes);
      }
    }
    const before = filesIn(directory);
    for (const [args, sentence] of mistakes) {
      const { code, stdout, stderr } = await run("train", directory, "--save", "s", ...args);
      assert.equal(code, 2, `${args}: ${stderr}`);
      assert.equal(stdout, "");
      assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
      assert.match(stderr.trimEnd(), sentence);
      assert.deepEqual(filesIn(directory), before);
    }
  });
});
