import assert from "#assert";
import { GroupError } from "@tekfac/tekfac/core";
import {
  leaveRoom,
  portGroup,
  soloGroup,
  threadGroup,
  threadRoom,
} from "@tekfac/tekfac/distributed";
import { numbersOf } from "./programs/contract.ts";
import { eachForm } from "./ranks.ts";

const CONTRACT = new URL("programs/contract.ts", import.meta.url);

for (const [size, length] of [[2, 3], [3, 100_003]]) {
  eachForm(`Group of ${size}: sums, sends and gathers ${length} numbers`, async (run) => {
    const results = await run(size, CONTRACT, length) as readonly Record<string, unknown>[];
    const ranks = Array.from({ length: size }, (_, rank) => rank);
    const inputs = ranks.map((rank) => numbersOf(rank, length));
    results.forEach((result, rank) => {
      const { sum, later, halves, refusal, ...rest } = result as {
        readonly sum: number[];
        readonly later: number[];
        readonly halves: number[];
        readonly refusal: string;
      };
      assert.deepEqual(sum, results[0].sum, "all ranks have the same bits");
      assert.deepEqual(later, sum, "both forms have the same result");
      assert.deepEqual(halves, sum, "so has the one in two halves");
      assert.match(refusal, /a sum of the group is under way; finish it first/);
      const tolerance = size * 2 ** -24;
      for (let i = 0; i < length; i++) {
        const exact = inputs.reduce((total, numbers) => total + numbers[i], 0);
        // Partial sums are at most `size` large.
        assert(Math.abs(sum[i] - exact) <= size * tolerance, `${sum[i]} is not ${exact} at ${i}`);
      }
      assert.deepEqual(rest, {
        ...{ rank, size, double: [size * (size - 1) / 2, size] },
        parts: ranks.map((other) => [...numbersOf(other, other)]),
        ...{ sent: [size - 1, 7], received: [0, 0, 0], exchanged: true },
        bytes: ranks.map((other) => [other === 0 ? length : 0, true]),
        operations: 12,
      });
    });
  });
}

Deno.test("soloGroup() leaves numbers as they are", () => {
  using group = soloGroup();
  const numbers = new Float64Array([1, 2]);
  group.allReduce(numbers);
  group.broadcast(numbers, 0);
  assert.deepEqual(group.allGather(numbers), [new Float64Array([1, 2])]);
  assert.throws(() => group.broadcast(numbers, 1), /expected a rank from 0 to 0, received 1/);
});

Deno.test("threadGroup() names a rank that is gone, and one that does not come", async () => {
  const room = threadRoom(3);
  const [first, second] = [threadGroup(room, 0), threadGroup(room, 1, { patience: 30 })];
  const waiting = first.barrierAsync();
  const impatient = second.barrierAsync();
  await assert.rejects(
    impatient,
    (error: unknown) => error instanceof GroupError && error.rank === 2,
  );
  leaveRoom(room, 2);
  await assert.rejects(waiting, /rank [12] of 3 is gone/);
  assert.throws(() => first.barrier(), /it has ended/);
});

Deno.test("portGroup() names a rank that is gone, and one that does not come", async () => {
  const { port1, port2 } = new MessageChannel();
  const first = portGroup(0, [undefined, port1], { patience: 2000 });
  const second = portGroup(1, [port2, undefined], { patience: 20 });
  await assert.rejects(second.barrierAsync(), /rank 0 of 2 has not come for 0.02 s/);
  await assert.rejects(
    first.allGatherAsync(new Uint8Array(1)).then(() => first.barrierAsync()),
    (error: unknown) => error instanceof GroupError && error.rank === 1,
  );
  for (const port of [port1, port2]) port.close();
});

Deno.test("portGroup() takes ports that can only listen, such as those of WebSockets", async () => {
  const [left, right] = [new FakeSocket(), new FakeSocket()];
  left.peer = right;
  right.peer = left;
  const groups = [portGroup(0, [undefined, left]), portGroup(1, [right, undefined])];
  assert.throws(() => groups[0].barrier(), /has no way to block here/);
  const sums = await Promise.all(groups.map(async (group) => {
    const numbers = Float64Array.of(group.rank, 1, 2);
    await group.allReduceAsync(numbers);
    return [...numbers];
  }));
  assert.deepEqual(sums, [[1, 2, 4], [1, 2, 4]]);
  groups[1][Symbol.dispose]();
  await assert.rejects(groups[0].barrierAsync(), /rank 1 of 2 is gone/);
});

/** What of a WebSocket matters. */
class FakeSocket {
  peer: FakeSocket | undefined;
  readonly #listeners: ((event: { data?: unknown }) => void)[] = [];

  send(data: ArrayBuffer | string): void {
    setTimeout(() => this.peer!.#listeners.forEach((listener) => listener({ data })), 0);
  }

  addEventListener(type: string, listener: (event: { data?: unknown }) => void): void {
    if (type === "message") this.#listeners.push(listener);
  }
}

Deno.test("a blocking form is refused while a promise is not settled", async () => {
  using group = soloGroup();
  const pending = group.barrierAsync();
  assert.throws(() => group.barrier(), /an asynchronous operation of the group is under way/);
  await pending;
  group.barrier();
});
