import assert from "#assert";
import fc from "#fast-check";
import { parseCsv } from "@tekfac/tekfac/csv";
import { table } from "@tekfac/tekfac/data";

/** A cell as it stands in a file, quoted where it has to be. */
const written = (cell: string, delimiter: string) =>
  /["\r\n]/.test(cell) || cell.includes(delimiter) ? `"${cell.replaceAll('"', '""')}"` : cell;

Deno.test("parseCsv() gives back what was written, whatever stands in the cells", () => {
  const cells = fc.string({ unit: fc.constantFrom("a", "7", ",", ";", '"', "\n", " ") }).map((
    cell,
  ) => `x${cell}x`);
  const property = fc.property(
    fc.array(fc.tuple(cells, cells), { minLength: 1, maxLength: 20 }),
    fc.constantFrom(",", ";", "\t"),
    fc.constantFrom("\n", "\r\n"),
    fc.boolean(),
    (rows, delimiter, end, mark) => {
      const lines = [["left", "right"], ...rows].map((row) =>
        row.map((cell) => written(cell, delimiter)).join(delimiter)
      );
      const text = (mark ? "\ufeff" : "") + lines.join(end) + end;
      const { inputs, targets } = parseCsv(text, { targets: "right", delimiter });
      assert.deepEqual(inputs, { left: rows.map(([left]) => left) });
      assert.deepEqual(targets, { right: rows.map(([, right]) => right) });
    },
  );
  fc.assert(property, { numRuns: 100 });
});

Deno.test("table() reads exactly the numbers that CSV holds", () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  fc.assert(fc.property(fc.array(fc.tuple(number, number), { minLength: 1 }), (rows) => {
    const text = `x,y\n${rows.map((row) => row.join(",")).join("\n")}`;
    const { inputs, targets } = table(parseCsv(text, { targets: "y" }));
    assert.deepEqual([...inputs], rows.map(([x]) => x + 0)); // "-0" is written as 0
    assert.deepEqual([...targets], rows.map(([, y]) => y + 0));
  }));
});

Deno.test("parseCsv() takes names that the file does not have", () => {
  const { inputs, targets } = parseCsv("1,2\n3,4", { header: ["x", "y"], targets: ["y"] });
  assert.deepEqual([inputs, targets], [{ x: ["1", "3"] }, { y: ["2", "4"] }]);
});

/** What is wrong, the text, the class of the error, and the end of its message. */
const faults: [string, string, string, RegExp][] = [
  ["a row that is too long", "x,y\n1,2\n1,2,3", "DataError", /2 cells in row 1, .* received 3$/],
  ["a row that is too short", "x,y\n1", "DataError", /2 cells in row 0, .* received 1$/],
  ["an open quote", 'x,y\n1,"2\n', "DataError", /error in line 2 \(Quoted field unterminated\)$/],
  [
    "another delimiter",
    "x;y\n1;2",
    "DataError",
    /between ",", received a single column 'x;y' \(try delimiter: ";"\)$/,
  ],
  ["a name twice", "x,x,y\n1,2,3", "DataError", /names that differ, received 'x' twice$/],
  ["no row", "x,y\n", "DataError", /expected rows, received none$/],
  ["an empty text", "", "DataError", /expected rows, received none$/],
  [
    "a target that is not there",
    "x,Y\n1,2",
    "OptionError",
    /'targets' must be one of 'x', 'Y' \(did/,
  ],
];

for (const [fault, text, name, message] of faults) {
  Deno.test(`parseCsv() rejects ${fault}`, () => {
    assert.throws(() => parseCsv(text, { targets: "y" }), { name, message });
  });
}
