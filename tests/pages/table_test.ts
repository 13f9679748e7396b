import assert from "#assert";
import { formatTable } from "@tekfac/tekfac/pages";

Deno.test("formatTable() sets text left and numbers right, grouped, under a rule", () => {
  assert.equal(
    formatTable(["a", "text", "number"], [["long", "b", 1234], ["x", "long one", -22]]),
    "a     text      number\n----  --------  ------\nlong  b          1,234\nx     long one     -22",
  );
});

Deno.test("formatTable() with text to the right leaves only the first column left", () => {
  assert.equal(
    formatTable(["a", "number"], [["long", "1"], ["x", "-22"]], "right"),
    "a     number\n----  ------\nlong       1\nx        -22",
  );
});
