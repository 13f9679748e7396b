import assert from "#assert";
import { glyphs } from "@tekfac/tekfac/data";

Deno.test("glyphs() repeats its images for an equal seed, and only then", () => {
  const sizes = { train: 30, test: 10 };
  assert.deepEqual(glyphs({ ...sizes, seed: 5 }), glyphs({ ...sizes, seed: 5 }));
  assert.notDeepEqual(glyphs({ ...sizes, seed: 5 }), glyphs({ ...sizes, seed: 6 }));
});

Deno.test("glyphs() begins a larger training set with the smaller one and keeps the test set", () => {
  const few = glyphs({ train: 10, test: 10, seed: 1 });
  const many = glyphs({ train: 25, test: 10, seed: 1 });
  assert.deepEqual(many.train.images.subarray(0, few.train.images.length), few.train.images);
  assert.deepEqual(many.train.labels.subarray(0, 10), few.train.labels);
  assert.deepEqual(many.test, few.test);
  assert.notDeepEqual(few.train.images, few.test.images);
});

Deno.test("glyphs() draws every digit about equally often, with ink inside the image", () => {
  const { train } = glyphs({ train: 2000, test: 1, seed: 2 });
  const counts = new Array(10).fill(0);
  train.labels.forEach((label) => counts[label]++);
  // Binomial with mean 200 and deviation 13.4; five deviations on either side.
  for (const count of counts) assert.ok(Math.abs(count - 200) < 67, `${counts}`);

  for (let i = 0; i < 2000; i++) {
    const image = train.images.subarray(i * 784, (i + 1) * 784);
    const inked = image.filter((value) => value > 0.5).length;
    assert.ok(inked > 15 && inked < 300, `image ${i} has ${inked} bright pixels`);
  }
});

Deno.test("glyphs() rejects unknown options and impossible counts", () => {
  assert.throws(() => glyphs({ tran: 5 } as object), {
    name: "OptionError",
    message: "Cannot draw glyphs: 'tran' is not an option, did you mean 'train'?: received 5",
  });
  for (const train of [0, -1, 1.5, NaN]) {
    assert.throws(() => glyphs({ train }), { name: "OptionError", message: /'train' must be/ });
  }
});
