/** Damage to bytes: what disks, networks and people do to files. */
import type { Random } from "@tekfac/tekfac/core";
import { pick } from "./storm.ts";

/** Numbers that sizes and offsets must not be taken for without a look. */
const WORDS = [0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff] as const;

/** A damaged copy; most of the damage is in the first bytes, where sizes are. */
export function mutated(random: Random, bytes: Uint8Array): Uint8Array {
  let out: Uint8Array = bytes.slice();
  for (let times = 1 + random.integer(3); times > 0; times--) out = once(random, out);
  return out;
}

function once(random: Random, bytes: Uint8Array): Uint8Array {
  const near = () => random.integer(Math.max(1, Math.min(bytes.length, 64 + random.integer(400))));
  const anywhere = () => random.integer(Math.max(1, bytes.length));
  const place = random.integer(2) === 0 ? near() : anywhere();
  switch (random.integer(7)) {
    case 0:
      bytes[place] ^= 1 << random.integer(8);
      return bytes;
    case 1:
      bytes[place] = random.integer(256);
      return bytes;
    case 2:
      return bytes.slice(0, anywhere());
    case 3: {
      const longer = new Uint8Array(bytes.length + 1 + random.integer(64));
      longer.set(bytes);
      return longer;
    }
    case 4:
      if (place + 4 <= bytes.length) {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        view.setUint32(place, pick(random, WORDS), random.integer(2) === 0);
      }
      return bytes;
    case 5: {
      const length = random.integer(32);
      return Uint8Array.from([...bytes.subarray(0, place), ...bytes.subarray(place + length)]);
    }
    default:
      bytes.copyWithin(place, anywhere(), anywhere());
      return bytes;
  }
}
