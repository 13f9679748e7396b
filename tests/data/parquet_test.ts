/** Parquet files that pyarrow has written (tests/fixtures/parquet/make.py). */
import assert from "#assert";
import { gunzipSync } from "node:zlib";
import { parseParquet } from "@tekfac/tekfac/parquet";
import { table } from "@tekfac/tekfac/data";

const read = (name: string) =>
  Deno.readFile(new URL(`../fixtures/parquet/${name}.parquet`, import.meta.url));

const compressors = { GZIP: (bytes: Uint8Array) => new Uint8Array(gunzipSync(bytes)) };

for (const name of ["snappy", "plain", "gzip"]) {
  Deno.test(`parseParquet() reads what pyarrow wrote: ${name}`, async () => {
    const bytes = await read(name);
    const options = { targets: "price", source: name, compressors };
    const columns = await parseParquet(bytes, options);
    const rows = Array.from({ length: 10 }, (_, i) => i);
    assert.deepEqual(columns, {
      inputs: {
        area: rows.map((i) => i / 4),
        rooms: rows.map((i) => i === 3 ? null : i),
        floor: rows.map((i) => i - 2),
        town: rows.map((i) => ["Ulm", "Bonn"][i % 2]),
        garden: rows.map((i) => i % 3 === 0),
      },
      targets: { price: rows.map((i) => 100.5 * i) },
      source: name,
    });
    assert.throws(() => table(columns), /row 3, column 'rooms'/);
    const houses = table({ ...columns, missing: "drop" });
    assert.deepEqual(houses.features, [
      "area",
      "rooms",
      "floor",
      "town=Bonn",
      "town=Ulm",
      "garden",
    ]);
    assert.equal(houses.targets.length, 9);
    // A view into a larger buffer, and a buffer alone.
    const larger = new Uint8Array(bytes.length + 16);
    larger.set(bytes, 8);
    const view = larger.subarray(8, 8 + bytes.length);
    const two = { ...options, inputs: ["floor", "area"] };
    assert.deepEqual(await parseParquet(view, two), await parseParquet(bytes.slice().buffer, two));
  });
}

Deno.test("parseParquet() says what it cannot read", async () => {
  const others = await read("others");
  const ask = (bytes: Uint8Array, options: object) => () =>
    parseParquet(bytes, { targets: "x", source: "mine", ...options });
  for (
    const [column, message] of [
      ["date", /a date in row 0, column 'date'/],
      ["list", /a list in row 1/],
      ["record", /a record in row 0/],
      ["bytes", /bytes in row 0/],
      ["large", /the integer 1152921504606846976 in row 1/],
    ] as const
  ) {
    await assert.rejects(ask(others, { inputs: [column] }), { name: "DataError", message });
  }
  await assert.rejects(ask(others, { targets: "y" }), { name: "OptionError", message: /targets/ });
  await assert.rejects(ask(others, { inputs: ["z"] }), { name: "OptionError", message: /inputs/ });
  await assert.rejects(ask(others, { input: "x" }), { name: "OptionError", message: /input/ });
  await assert.rejects(ask(await read("empty"), {}), { name: "DataError", message: /rows/ });
  const gzip = await read("gzip");
  await assert.rejects(ask(gzip, { targets: "price" }), {
    name: "DataError",
    message: /mine.*GZIP.*hyparquet-compressors/,
  });
  for (const spoilt of [new Uint8Array(), gzip.subarray(0, 500), gzip.subarray(100)]) {
    const tried = ask(spoilt, { targets: "price", compressors });
    await assert.rejects(tried, { name: "DataError", message: /mine.*Parquet/ });
  }
});
