/**
 * Titles of pages.
 *
 * @module
 */

/** What a page about a run is called: `TEKFAC on mnist10k`, without the path that leads there. */
export function pageTitle(optimizer: string, source: string): string {
  return `${optimizer.toUpperCase()} on ${sourceName(source)}`;
}

/** The last part of where data come from. */
export function sourceName(source: string): string {
  return source.split(/[/\\]/).findLast((part) => part.trim() !== "") ?? source;
}
