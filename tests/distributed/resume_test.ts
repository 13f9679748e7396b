/** Checkpoints do not depend on the number of ranks. */

import assert from "#assert";
import { decodeSafetensors } from "@tekfac/tekfac/optim";
import { allClose } from "@tekfac/tekfac/testing";
import { type ResumeCase, type Resumed, stepsFrom } from "./programs/resume.ts";
import { eachForm, forms } from "./ranks.ts";

const RESUME = new URL("programs/resume.ts", import.meta.url);

/** All but the options, which say whose they are. */
function decode(saved: readonly number[]) {
  const { arrays, metadata } = decodeSafetensors(Uint8Array.from(saved));
  return { arrays, progress: metadata["tekfac.progress"] };
}

eachForm(
  "one rank saves while a shared refresh is under way; one and three ranks go on as two do, and as one would have",
  async (run) => {
    const whole: ResumeCase = { alone: true };
    const [first, second] = await run(2, RESUME, whole) as readonly Resumed[];
    assert.equal(second.saved, undefined);
    assert.deepEqual(second.losses, first.losses);
    allClose(first.losses, (await stepsFrom({})).losses, { relative: 1e-9, label: "whole" });
    const rest = first.losses.slice(6);
    const { losses } = await stepsFrom({ checkpoint: first.saved });
    assert.equal(losses.length, rest.length);
    allClose(losses, rest, { relative: 1e-9, label: "one goes on" });
    const goOn: ResumeCase = { checkpoint: first.saved };
    for (const { losses } of await run(3, RESUME, goOn) as readonly Resumed[]) {
      allClose(losses, rest, { relative: 1e-9, label: "three go on" });
    }
  },
  forms.slice(0, 1),
);

eachForm(
  "ranks that keep different layers save them together; one rank goes on, and so do three that keep others",
  async (run) => {
    const [first, second] = await run(2, RESUME, { workerFraction: 1 / 2 }) as readonly Resumed[];
    const [mine, other] = [first, second].map(({ saved }) => decode(saved!));
    assert.deepEqual(other, mine);
    assert.deepEqual(second.losses, first.losses);
    allClose(first.losses, (await stepsFrom({})).losses, { relative: 1e-9, label: "whole" });
    const rest = first.losses.slice(6);
    const { losses } = await stepsFrom({ checkpoint: first.saved });
    allClose(losses, rest, { relative: 1e-9, label: "one goes on" });
    const goOn: ResumeCase = { checkpoint: first.saved, workerFraction: 1 / 3 };
    for (const { losses } of await run(3, RESUME, goOn) as readonly Resumed[]) {
      allClose(losses, rest, { relative: 1e-9, label: "three go on" });
    }
  },
  forms.slice(0, 1),
);

eachForm("a rank that keeps a part and saves alone is told, and so are the others", async (run) => {
  const messages = await run(2, RESUME, { workerFraction: 1 / 2, alone: true }) as string[];
  for (const message of messages) assert.match(message, /all of them save together/);
}, forms.slice(0, 1));
