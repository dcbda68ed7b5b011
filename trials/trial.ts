import { Promises } from './promises.js';
import { readTrialOptions, type TrialOptions } from './options.js';

export interface Trial {
  readonly options: TrialOptions;
  readonly promises: Promises;
  /** One line on the way, on stderr. */
  readonly say: (line: string) => void;
}

/** Runs a suite: prints the seed first and the promises last, and sets the exit status. */
export async function runTrial(
  name: string,
  args: readonly string[],
  minutes: number,
  work: (trial: Trial) => Promise<void>,
): Promise<void> {
  const options = readTrialOptions(args, minutes);
  const begun = performance.now();
  const say = (line: string) => {
    process.stderr.write(`${name} ${((performance.now() - begun) / 1000).toFixed(0).padStart(5)} s  ${line}\n`);
  };
  const promises = new Promises(say);
  say(
    `seed ${options.seed}, ${options.minutes} min: npm run ${name} -- --minutes ${options.minutes} --seed ${options.seed}`,
  );
  await work({ options, promises, say });
  console.log(promises.summary());
  console.log(`seed ${options.seed}, ${((performance.now() - begun) / 60_000).toFixed(1)} min in all`);
  if (!promises.kept) process.exitCode = 1;
}
