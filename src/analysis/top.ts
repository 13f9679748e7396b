/**
 * The largest of many numbers that come one after the other.
 *
 * @module
 */

/** An example and its score. */
export interface ScoredExample {
  /** Its number in the order of the source, counted from 0. */
  readonly example: number;
  /** Its score. */
  readonly score: number;
}

/**
 * Keeps the k largest, in a heap whose root is the smallest of them. Of equal ones those that came first stay.
 */
export class Top {
  readonly #k: number;
  readonly #heap: ScoredExample[] = [];

  /** Of at most k. */
  constructor(k: number) {
    this.#k = k;
  }

  /** Takes a number into account. */
  offer(example: number, score: number): void {
    const heap = this.#heap;
    if (heap.length < this.#k) {
      heap.push({ example, score });
      this.#up(heap.length - 1);
    } else if (this.#k > 0 && score > heap[0].score) {
      heap[0] = { example, score };
      this.#down();
    }
  }

  /** What was kept, the largest first. */
  sorted(): ScoredExample[] {
    return [...this.#heap].sort((a, b) => b.score - a.score || a.example - b.example);
  }

  /** Whether the first goes before the second when room is needed. */
  #less(i: number, j: number): boolean {
    const [a, b] = [this.#heap[i], this.#heap[j]];
    return a.score < b.score || (a.score === b.score && a.example > b.example);
  }

  #swap(i: number, j: number): void {
    const heap = this.#heap;
    [heap[i], heap[j]] = [heap[j], heap[i]];
  }

  #up(at: number): void {
    for (let i = at; i > 0;) {
      const parent = (i - 1) >> 1;
      if (!this.#less(i, parent)) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  #down(): void {
    for (let i = 0;;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < this.#heap.length && this.#less(child, least)) least = child;
      }
      if (least === i) return;
      this.#swap(i, least);
      i = least;
    }
  }
}
