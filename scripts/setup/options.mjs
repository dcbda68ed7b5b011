// The options of a script, by Node's own parser.
import { parseArgs } from 'node:util';

/** The options given, or undefined after `--help` has printed `usage`. Throws on an option that it does not know. */
export function readOptions(usage, options = {}) {
  const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } } });
  if (!values.help) return values;
  process.stdout.write(usage);
  return undefined;
}
