import assert from "#assert";
import fc from "#fast-check";
import {
  type Batch,
  batches,
  createDataset,
  type ImageDataset,
  normalized,
} from "@tekfac/tekfac/data";

const HEIGHT = 5;
const WIDTH = 6;
const CHANNELS = 2;
const SIZE = HEIGHT * WIDTH * CHANNELS;

/** Images of bytes 1..60 without repetition, shifted by the image's number: no two look alike. */
function small(count: number): ImageDataset {
  return createDataset({
    images: Uint8Array.from(
      { length: count * SIZE },
      (_, i) => 1 + i % SIZE + Math.floor(i / SIZE),
    ),
    labels: Uint8Array.from({ length: count }, (_, i) => i),
    shape: [HEIGHT, WIDTH, CHANNELS],
    classes: count,
    source: "small",
  });
}

/** The definition: the padded image in full, a window of it, and its mirror image. */
function vary(
  image: ArrayLike<number>,
  padding: number,
  [top, left, mirrored]: readonly [number, number, boolean],
): number[] {
  const padded = Array.from(
    { length: HEIGHT + 2 * padding },
    (_, y) =>
      Array.from(
        { length: WIDTH + 2 * padding },
        (_, x) =>
          Array.from({ length: CHANNELS }, (_, c) => {
            const [row, column] = [y - padding, x - padding];
            const inside = row >= 0 && row < HEIGHT && column >= 0 && column < WIDTH;
            return inside ? image[(row * WIDTH + column) * CHANNELS + c] : 0;
          }),
      ),
  );
  const window = padded.slice(top, top + HEIGHT).map((row) => row.slice(left, left + WIDTH));
  return window.map((row) => mirrored ? row.toReversed() : row).flat(2);
}

/** All ways to vary an image. */
function* ways(padding: number, flip: boolean): Generator<[number, number, boolean]> {
  for (let top = 0; top <= 2 * padding; top++) {
    for (let left = 0; left <= 2 * padding; left++) {
      yield [top, left, false];
      if (flip) yield [top, left, true];
    }
  }
}

/** Bytes that the brightness of a batch stands for, image by image. */
const imagesOf = ({ inputs, examples }: Batch): number[][] =>
  Array.from(
    { length: examples },
    (_, i) => Array.from(inputs.subarray(i * SIZE, (i + 1) * SIZE), (v) => Math.round(255 * v)),
  );

Deno.test("batches() cuts each image out of its padded self, mirrored or not", () => {
  const property = fc.property(
    fc.integer({ min: 0, max: 4 }),
    fc.boolean(),
    fc.integer(),
    fc.nat(3),
    (padding, flip, seed, epoch) => {
      const dataset = small(12);
      const options = { size: 5, shuffle: { seed, epoch }, augment: { padding, flip } };
      for (const batch of batches(dataset, options)) {
        imagesOf(batch).forEach((image, i) => {
          const n = batch.targets[i];
          const stored = dataset.images.subarray(n * SIZE, (n + 1) * SIZE);
          const one = ways(padding, flip).find((way) =>
            vary(stored, padding, way).every((value, k) => value === image[k])
          );
          assert.ok(one !== undefined, `image ${n} is no window of itself`);
        });
      }
    },
  );
  fc.assert(property, { numRuns: 40 });
});

Deno.test("batches() uses every window, and mirrors every other image", () => {
  const dataset = small(1);
  const counts = new Map<string, number>();
  const epochs = 4000;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const options = {
      size: 1,
      shuffle: { seed: epoch, epoch: 0 },
      augment: { padding: 1, flip: true },
    };
    const [image] = [...batches(dataset, options)].map((batch) => imagesOf(batch)[0]);
    const key = image.join();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  assert.equal(counts.size, 18);
  // Binomial with probability 1/18: beyond five standard deviations once in a million.
  const expected = epochs / 18;
  const deviation = Math.sqrt(expected * 17 / 18);
  for (const count of counts.values()) {
    assert.ok(Math.abs(count - expected) < 5 * deviation, `${count}`);
  }
});

Deno.test("batches() varies alike for equal seed and epoch, whatever the batch size", () => {
  const all = (size: number, seed: number, epoch: number) => {
    const out: number[][] = [];
    const options = { size, shuffle: { seed, epoch }, augment: { padding: 2, flip: true } };
    for (const batch of batches(small(20), options)) out.push(...imagesOf(batch));
    return out;
  };
  assert.deepEqual(all(20, 3, 1), all(7, 3, 1));
  assert.notDeepEqual(all(20, 3, 1), all(20, 3, 2));
  assert.notDeepEqual(all(20, 3, 1), all(20, 4, 1));
});

Deno.test("batches() keeps the order of an epoch when images are varied", () => {
  const labels = (augment: object) =>
    [...batches(small(20), { size: 20, shuffle: { seed: 1, epoch: 2 }, ...augment })][0].targets;
  assert.deepEqual(labels({ augment: { flip: true } }), labels({}));
});

Deno.test("batches() gives black borders their normalized value, and varies targets alike", () => {
  const dataset = small(3);
  const by = { mean: [0.25, 0.5], deviation: [0.5, 0.125] };
  const { train } = normalized({ train: dataset, test: dataset }, by);
  const options = {
    ...{ size: 3, targets: "inputs" as const },
    ...{ shuffle: { seed: 5, epoch: 0 }, augment: { padding: 3, flip: true } },
  };
  const [{ inputs, targets }] = batches(train, options);
  assert.ok(targets.some((value) => value === 0), "no border was seen");
  inputs.forEach((value, i) => {
    const expected = (targets[i] - by.mean[i % 2]) / by.deviation[i % 2];
    assert.ok(Math.abs(value - expected) <= 4 * 2 ** -24 * (1 + Math.abs(expected)), `${i}`);
  });
});

Deno.test("batches() rejects augmentations without a seed or out of range at once", () => {
  const shuffle = { seed: 0, epoch: 0 };
  const cases: [object, RegExp][] = [
    [{ augment: { flip: true } }, /^Cannot make batches: 'augment' needs 'shuffle', whose seed/],
    [{ shuffle, augment: { padding: 5 } }, /'augment\.padding' must be an integer >= 0 and <= 4/],
    [{ shuffle, augment: { padding: -1 } }, /'augment\.padding' must be an integer/],
    [{ shuffle, augment: { flips: true } }, /'augment\.flips' is not an option, did you mean/],
  ];
  for (const [options, message] of cases) {
    assert.throws(() => batches(small(2), { size: 1, ...options }), {
      name: "OptionError",
      message,
    });
  }
});
