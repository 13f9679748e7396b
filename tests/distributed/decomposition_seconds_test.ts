/** All ranks give decompositions out by the same times. */

import assert from "#assert";
import { type KnownTimes, SLOWER } from "./programs/times.ts";
import { forms } from "./ranks.ts";

const TIMES = new URL("programs/times.ts", import.meta.url);

Deno.test("secondsOf(): all ranks have the same, measured on all of them and asked for once", async () => {
  const [first, second] = await forms[0].run(2, TIMES, [8, 128, 256, 1024]) as KnownTimes[];
  assert.deepEqual(second.seconds, first.seconds);
  const [small, middle, large, huge, inverse] = first.seconds;
  // A thousandfold, whatever else runs.
  assert(small < large && middle > 0, `${first.seconds}`);
  assert.equal(huge, large * 4 ** 3, "of what is not tried: by the cube");
  // By its size the inverse would be the cheapest; one rank is slow at it.
  assert(inverse >= SLOWER / 1000, `${inverse}`);
  assert.deepEqual([first.again, second.again], [0, 0]);
});
