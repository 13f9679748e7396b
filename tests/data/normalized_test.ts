import assert from "#assert";
import fc from "#fast-check";
import {
  batches,
  channelMoments,
  createDataset,
  type ImageDataset,
  normalized,
} from "@tekfac/tekfac/data";

function dataset(images: Float32Array | Uint8Array, channels: number): ImageDataset {
  const count = images.length / (2 * channels);
  return createDataset({
    images,
    labels: new Uint8Array(count),
    shape: [1, 2, channels],
    classes: 1,
    source: "small",
  });
}

/** Mean and deviation of one channel, by the book. */
function momentsOf(values: readonly number[]): [number, number] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return [mean, Math.sqrt(variance)];
}

Deno.test("channelMoments() are those of each channel's brightness, of numbers and of bytes", () => {
  const property = fc.property(
    fc.integer({ min: 1, max: 3 }),
    fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 12, maxLength: 120 }),
    (channels, numbers) => {
      const bytes = Uint8Array.from(
        numbers.slice(0, numbers.length - numbers.length % (2 * channels)),
      );
      const floats = Float32Array.from(bytes, (byte) => byte / 255);
      const ofBytes = channelMoments(dataset(bytes, channels));
      const ofFloats = channelMoments(dataset(floats, channels));
      for (let c = 0; c < channels; c++) {
        const [mean, deviation] = momentsOf(
          [...bytes].filter((_, i) => i % channels === c).map((byte) => byte / 255),
        );
        // Sums of 120 float64 numbers; the float32 numbers are rounded to 2^-24 each.
        assert.ok(Math.abs(ofBytes.mean[c] - mean) < 1e-13);
        assert.ok(Math.abs(ofFloats.mean[c] - mean) < 2 ** -24);
        if (deviation === 0) assert.equal(ofBytes.deviation[c], 1);
        else {
          assert.ok(Math.abs(ofBytes.deviation[c] - deviation) < 1e-13);
          assert.ok(Math.abs(ofFloats.deviation[c] - deviation) < 2 ** -23);
        }
      }
    },
  );
  fc.assert(property, { numRuns: 100 });
});

Deno.test("normalized() gives the part to learn from mean 0 and deviation 1, the other the same map", () => {
  const train = dataset(Uint8Array.from({ length: 600 }, (_, i) => i * i % 251), 3);
  const test = dataset(Uint8Array.from({ length: 12 }, (_, i) => 20 * i), 3);
  const { mean, deviation } = channelMoments(train);
  const both = normalized({ train, test });
  const [learned] = batches(both.train, { size: 100 });
  for (let c = 0; c < 3; c++) {
    const [m, d] = momentsOf([...learned.inputs].filter((_, i) => i % 3 === c));
    assert.ok(Math.abs(m) < 1e-6 && Math.abs(d - 1) < 1e-6, `channel ${c}: ${m}, ${d}`);
  }
  const [judged] = batches(both.test, { size: 2 });
  judged.inputs.forEach((value, i) => {
    const expected = (20 * i / 255 - mean[i % 3]) / deviation[i % 3];
    assert.ok(Math.abs(value - expected) <= 4 * 2 ** -24 * (1 + Math.abs(expected)));
  });
  assert.equal(both.train.images, train.images);
});

Deno.test("normalized() leaves targets that are images as they are", () => {
  const data = dataset(Float32Array.of(0, 0.5, 1, 0.25), 1);
  const { train } = normalized({ train: data, test: data }, { mean: [0.5], deviation: [0.25] });
  for (const shuffle of [{}, { shuffle: { seed: 1, epoch: 0 } }]) {
    const [{ inputs, targets }] = batches(train, { size: 2, targets: "inputs", ...shuffle });
    assert.deepEqual([...targets].sort(), [0, 0.25, 0.5, 1]);
    assert.deepEqual([...inputs], Array.from(targets, (value) => (value - 0.5) / 0.25));
  }
});

Deno.test("normalized() rejects moments that do not fit the channels", () => {
  const data = dataset(new Uint8Array(4), 1);
  const wrong = [
    { mean: [0, 0], deviation: [1, 1] },
    { mean: [0], deviation: [0] },
    { mean: [NaN], deviation: [1] },
  ];
  for (const by of wrong) {
    assert.throws(() => normalized({ train: data, test: data }, by), {
      name: "DataError",
      message: /expected 1 finite means and deviations > 0 to normalize by, received \[/,
    });
  }
});
