// Where the host may put data.

/** First byte after the module's constants; everything from here on is the host's to hand out. */
export function heapBase(): usize {
  return __heap_base;
}
