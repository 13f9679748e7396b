/** Checkpoints do not depend on the number of ranks. */

import assert from "#assert";
import { allClose } from "@tekfac/tekfac/testing";
import { type Resumed, stepsFrom } from "./programs/resume.ts";
import { eachForm, forms } from "./ranks.ts";

const RESUME = new URL("programs/resume.ts", import.meta.url);

eachForm(
  "one rank saves while a shared refresh is under way; one and three ranks go on as two do, and as one would have",
  async (run) => {
    const [first, second] = await run(2, RESUME) as readonly Resumed[];
    assert.equal(second.saved, undefined);
    assert.deepEqual(second.losses, first.losses);
    allClose(first.losses, (await stepsFrom(undefined)).losses, { relative: 1e-9, label: "whole" });
    const rest = first.losses.slice(6);
    const { losses } = await stepsFrom(first.saved);
    assert.equal(losses.length, rest.length);
    allClose(losses, rest, { relative: 1e-9, label: "one goes on" });
    for (const { losses } of await run(3, RESUME, first.saved) as readonly Resumed[]) {
      allClose(losses, rest, { relative: 1e-9, label: "three go on" });
    }
  },
  forms.slice(0, 1),
);
