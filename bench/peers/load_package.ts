/**
 * Packages that only the comparison uses.
 *
 * They are named at run time, and typed by what is used of them, so that checking and testing this
 * project downloads none of them: together they are larger than everything else by far.
 *
 * @module
 */

/**
 * Loads a package of npm.
 *
 * @typeParam T The part of its interface that is used.
 * @param specifier `"npm:name@version"`.
 */
export async function loadPackage<T>(specifier: string): Promise<T> {
  return await import(specifier) as T;
}
