/** `deno task explain`: what its page holds, and what it refuses. */
import assert from "#assert";
import { inDirectory, run, writeData } from "./_cli.ts";

Deno.test("explain trains a model and writes what it can say of itself", () =>
  inDirectory(async (directory) => {
    await writeData(`${directory}/data`, 60);
    const small = ["--data", "data", "--epochs", "2", "--batch", "10"];
    const { code, stdout, stderr } = await run("explain", directory, ...small, "--images", "3,0");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /test accuracy {2}[\d.]+ %/);
    const page = await Deno.readTextFile(`${directory}/explain.html`);
    const parts = ["These images taught it this", "Suspected wrong labels", "Least sure"];
    for (const part of [...parts, "test image 3, labelled", "test image 0, labelled", "Whether"]) {
      assert(page.includes(part), part);
    }
    // The first picture is a bitmap of 6 x 6 grey pixels, of which three rows' worth are bright.
    const [, base64] = /data:image\/bmp;base64,([^"]+)"/.exec(page)!;
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    assert.equal(view.getUint32(2, true), bytes.length);
    assert.deepEqual([view.getInt32(18, true), view.getInt32(22, true)], [6, 6]);
    const pixels = [...bytes.subarray(54)];
    assert.equal(pixels.filter((value) => value === 255).length, 3 * 3);

    // Once more over its own page, and with a trained model in the place of training.
    const saved = await run(
      "train",
      directory,
      ...small,
      "--model",
      "mlp",
      "--save",
      "m.safetensors",
    );
    assert.equal(saved.code, 0, saved.stderr);
    const loaded = await run("explain", directory, "--load", "m.safetensors");
    assert.equal(loaded.code, 0, loaded.stderr);
    assert.match(await Deno.readTextFile(`${directory}/explain.html`), /epochs 2/);
  }));

Deno.test("explain refuses images that are not there, and files that are not its own", () =>
  inDirectory(async (directory) => {
    await writeData(`${directory}/data`, 60);
    const wrong = await run("explain", directory, "--data", "data", "--images", "3,99");
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /--images.*from 0 to/);
    await Deno.writeTextFile(`${directory}/mine.html`, "my own words");
    const other = await run("explain", directory, "--data", "data", "--report", "mine.html");
    assert.equal(other.code, 2);
    assert.match(other.stderr, /has not made/);
  }));
