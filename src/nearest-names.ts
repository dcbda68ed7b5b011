/** Those of `names` that a misspelt `name` may mean, the nearest first, at most three. */
export function nearestNames(name: string, names: readonly string[]): string[] {
  const wanted = name.toLowerCase().replaceAll('_', '-');
  const most = Math.max(2, name.length / 4);
  const ranked = names.map((candidate) => {
    const part = wanted.length > 3 && (candidate.startsWith(wanted) || candidate.endsWith(wanted));
    if (part) return { candidate, distance: 1 };
    // The difference in length is the least distance: a name of megabytes is compared with none.
    const far = Math.abs(wanted.length - candidate.length) > most;
    return { candidate, distance: far ? Infinity : editDistance(wanted, candidate) };
  });
  const near = ranked.filter(({ distance }) => distance <= most);
  return near
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** Levenshtein's: the least number of characters to insert, delete or replace. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 0; i < from.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < to.length; j++) {
      next.push(Math.min(row[j]! + (from[i] === to[j] ? 0 : 1), row[j + 1]! + 1, next[j]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
