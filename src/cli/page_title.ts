/**
 * Titles of pages.
 *
 * @module
 */

/** What a page about a run is called: `TEKFAC on mnist10k`, without the path that leads there. */
export function pageTitle(optimizer: string, source: string): string {
  const name = source.split(/[/\\]/).findLast((part) => part.trim() !== "") ?? source;
  return `${optimizer.toUpperCase()} on ${name}`;
}
