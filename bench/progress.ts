const begun = performance.now();

/** One line per step, on stderr: a suite runs for minutes, and stdout is for its results. */
export function progress(step: string): void {
  process.stderr.write(`bench ${((performance.now() - begun) / 1000).toFixed(0).padStart(5)} s  ${step}\n`);
}
