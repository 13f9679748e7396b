/** What every group promises, as far as one rank sees it. */

import type { Group } from "@tekfac/tekfac/distributed";

/** Numbers that no sum in float32 has exactly, different on all ranks. */
export function numbersOf(rank: number, length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => Math.sin(1 + i + 1000 * rank));
}

export default async function (group: Group, length: unknown): Promise<unknown> {
  const { rank, size } = group;
  const sum = numbersOf(rank, length as number);
  group.allReduce(sum);
  const halves = numbersOf(rank, length as number);
  const ticket = group.beginAllReduce(halves);
  ticket.advance();
  let refusal = "";
  try {
    group.barrier();
  } catch (error) {
    refusal = (error as Error).message;
  }
  ticket.finish();
  ticket.advance();
  const later = numbersOf(rank, length as number);
  const double = new Float64Array([rank, 1]);
  const [, , parts] = await Promise.all([
    group.allReduceAsync(later),
    group.allReduceAsync(double),
    group.allGatherAsync(numbersOf(rank, rank)),
    group.barrierAsync(),
  ]);
  const sent = Uint8Array.of(rank, 7);
  group.broadcast(sent, size - 1);
  const received = new Float64Array(3).fill(rank);
  await group.broadcastAsync(received, 0);
  // Of rank r to rank s: s numbers 10 r + s, and as many more as there are to be exchanged in several pieces.
  const numbers = (from: number, to: number) =>
    new Float64Array(to === 0 ? 0 : to + (length as number >> 1)).fill(10 * from + to);
  const ranks = Array.from({ length: size }, (_, other) => other);
  const fresh = () => ranks.map((other) => new Float64Array(numbers(other, rank).length));
  const [now, soon] = [fresh(), fresh()];
  group.exchange(ranks.map((to) => numbers(rank, to)), now);
  await group.exchangeAsync(ranks.map((to) => numbers(rank, to)), soon);
  const exchanged = ranks.every((from) =>
    [now, soon].every((parts) => {
      const sent = from === rank ? new Float64Array(parts[from].length) : numbers(from, rank);
      return parts[from].every((number, i) => number === sent[i]);
    })
  );
  group.barrier();
  const bytes = group.allGather(new Uint8Array(rank === 0 ? length as number : 0).fill(1));
  return {
    ...{
      rank,
      size,
      sum: [...sum],
      later: [...later],
      halves: [...halves],
      refusal,
      double: [...double],
    },
    parts: parts.map((part) => [...part]),
    ...{ sent: [...sent], received: [...received], exchanged },
    bytes: bytes.map((part) => [part.length, part.every((byte) => byte === 1)]),
    operations: group.traffic.operations,
  };
}
