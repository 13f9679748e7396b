import assert from "#assert";
import { breachesOf, type House, LIMITS, rootNamesIn } from "../../tools/house.ts";

/** A house in order, but for what is given. */
function house(given: Partial<House>): House {
  return {
    ...{ rootNames: ["dense"], texts: ["Take `dense(32)`."], readme: "# tekfac\n" },
    ...{ files: new Map([["src/a.ts", "export {};\n"]]) },
    ...given,
  };
}

/** As many lines. */
const lines = (count: number): string => "x\n".repeat(count);

Deno.test("breachesOf() accepts a house whose every number is at its limit", () => {
  const rootNames = Array.from({ length: LIMITS.rootNames }, (_, i) => `name${i}`);
  const full = house({
    rootNames,
    texts: [`import { ${rootNames.join(", ")} } from "@tekfac/tekfac";\n`],
    files: new Map([["src/a.ts", lines(LIMITS.fileLines)]]),
    readme: lines(LIMITS.readmeLines),
  });
  assert.deepEqual(breachesOf(full), []);
  const [breach, ...others] = breachesOf({ ...full, rootNames: [...rootNames, "name0"] });
  assert.match(breach, /exports 111 names/);
  assert.deepEqual(others, []);
});

Deno.test("breachesOf() names what the root exports and nobody is told of", () => {
  const breaches = breachesOf(
    house({ rootNames: ["dense", "conv2d"], texts: ["`dense`, conv2d"] }),
  );
  assert.equal(breaches.length, 1);
  assert.match(breaches[0], /'conv2d': no page/);
});

Deno.test("breachesOf() refuses globals and words that say too little", () => {
  const rootNames = ["Storage", "Event", "split", "dense"];
  const breaches = breachesOf(house({ rootNames, texts: ["`Storage Event split dense`"] }));
  assert.deepEqual(
    breaches.map((breach) => /'(\w+)'/.exec(breach)?.[1]),
    ["Storage", "Event", "split"],
  );
});

Deno.test("breachesOf() counts lines", () => {
  const files = new Map([["src/a.ts", lines(401)], ["src/b.ts", lines(400)]]);
  assert.deepEqual(breachesOf(house({ files, readme: lines(131) })), [
    "src/a.ts has 401 lines: at most 400",
    "README.md has 131 lines: at most 130",
  ]);
});

Deno.test("breachesOf() leaves it to the backends and the gates whether numbers are waited for", () => {
  const asking = "if (this.#backend.sync) {}\n";
  const paths = ["src/backend/a.ts", "src/optim/gates.ts", "src/optim/b.ts", "tests/c.ts"];
  const breaches = breachesOf(house({ files: new Map(paths.map((path) => [path, asking])) }));
  assert.equal(breaches.length, 1);
  assert.match(breaches[0], /src\/optim\/b\.ts asks/);
});

Deno.test("rootNamesIn() reads the first entry of the record", () => {
  assert.deepEqual(rootNamesIn(".\n  A interface\n  b function\n\n./core\n  C class\n"), [
    "A",
    "b",
  ]);
});
