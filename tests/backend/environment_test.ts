/** The environment variable, in processes of their own: this one's environment is everybody's. */
import assert from "#assert";

const PROGRAM = `
  import { createBackend, createBackendSync } from "@tekfac/tekfac/backend";
  const { name, info } = await createBackend();
  const named = createBackendSync({ prefer: ["wasm"] });
  console.log(name, info.chosen.reason, named.name);
`;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** What the program says with such a variable and such permissions. */
async function said(value: string, ...permissions: string[]) {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, PROGRAM);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-check", "--config", CONFIG, ...permissions, file],
      env: { TEKFAC_BACKEND: value, NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes).trimEnd());
    return { code, out, err };
  } finally {
    await Deno.remove(file);
  }
}

const MAY_READ = "--allow-env=TEKFAC_BACKEND";

Deno.test("TEKFAC_BACKEND decides for code that names no backend, and only for that", async () => {
  const { out, err } = await said("reference, wasm", MAY_READ);
  assert.equal(out, "reference the first of TEKFAC_BACKEND that runs here wasm", err);
});

Deno.test("TEKFAC_BACKEND is not read, nor asked for, where reading is not permitted", async () => {
  const { out, err } = await said("reference");
  assert.equal(out, "wasm the first of 'auto' that runs here wasm", err);
});

Deno.test("TEKFAC_BACKEND that is empty or 'auto' decides nothing", async () => {
  for (const value of ["", "auto"]) {
    const { out, err } = await said(value, MAY_READ);
    assert.equal(out, "wasm the first of 'auto' that runs here wasm", err);
  }
});

Deno.test("TEKFAC_BACKEND with an unknown name is an OptionError that says which are known", async () => {
  const { code, err } = await said("wsam", MAY_READ);
  assert.equal(code, 1);
  assert.match(err, /OptionError: .*'TEKFAC_BACKEND' must be one of .*did you mean 'wasm'/);
});
