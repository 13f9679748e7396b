/**
 * From a module that owns its memory to one that works in a memory given to it: another module's, or one that
 * threads share.
 *
 * One binary serves all cases: of its sections only two differ. The memory section, which declares
 * a memory of the module's own, is taken out; an import section that asks for one is put in.
 * A module without imports keeps all its indices that way, for the memory is number 0 in both.
 *
 * A shared memory has a fixed size. Where one may grow, compiled code has to look up its length
 * at every access on hosts that check bounds in software, as another thread might have changed it:
 * that makes a product an eighth slower. Pages that nobody touches cost a host nothing but addresses.
 *
 * @module
 */

/** Where the module looks for its memory. */
export const MEMORY_IMPORT = { module: "env", name: "memory" } as const;

/** Numbers of sections in a WebAssembly binary; they appear in this order. */
const TYPE_SECTION = 1;
const IMPORT_SECTION = 2;
const MEMORY_SECTION = 5;

/** Bytes before the first section: the magic number and the version. */
const HEADER = 8;

/**
 * The same module with an imported memory.
 *
 * @param binary A module without imports that declares one memory.
 * @param pages Size of a shared memory, in pages of 64 KiB, at least what the module itself declares. @default {a
 * memory of one thread, of any size}
 * @throws {TypeError} When the module imports something or has no memory section.
 */
export function withImportedMemory(
  binary: Uint8Array<ArrayBuffer>,
  pages?: number,
): Uint8Array<ArrayBuffer> {
  const kept: Uint8Array[] = [];
  let found = false;
  for (const section of sectionsOf(binary)) {
    if (section.id === IMPORT_SECTION) throw new TypeError("the module already imports something");
    if (section.id === MEMORY_SECTION) found = true;
    else kept.push(binary.subarray(section.start, section.end));
    if (section.id === TYPE_SECTION) kept.push(memoryImport(pages));
  }
  if (!found) throw new TypeError("the module declares no memory");
  return concatenated([binary.subarray(0, HEADER), ...kept]);
}

/** The sections of a binary, each with the range of its bytes, number and length included. */
function* sectionsOf(
  binary: Uint8Array,
): Generator<{ readonly id: number; readonly start: number; readonly end: number }> {
  for (let start = HEADER; start < binary.length;) {
    let length = 0;
    let next = start + 1;
    for (let shift = 0;; shift += 7) {
      const byte = binary[next++];
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    const end = next + length;
    yield { id: binary[start], start, end };
    start = end;
  }
}

/** An import section with one entry: a memory. */
function memoryImport(pages: number | undefined): Uint8Array {
  const text = (name: string) => [name.length, ...new TextEncoder().encode(name)];
  const content = [
    1, // one import
    ...text(MEMORY_IMPORT.module),
    ...text(MEMORY_IMPORT.name),
    2, // a memory
    // Shared ones have a maximum, the others here have not; both a minimum.
    ...(pages === undefined ? [0, 1] : [3, ...leb128(pages), ...leb128(pages)]),
  ];
  return Uint8Array.from([IMPORT_SECTION, ...leb128(content.length), ...content]);
}

/** An unsigned number, seven bits to a byte, lowest first. */
function leb128(value: number): number[] {
  const bytes = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return [...bytes, value];
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
