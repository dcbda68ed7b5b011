import { z } from 'zod';
import { parseFeatureOptions } from '../spec/feature-spec.js';
import { CairnError } from '../errors.js';
import { PRIORITIES, type Priority } from './priorities.js';

const OPTION_NAMES = ['model', 'levels', 'dtype', 'precision', 'size', 'stage5', 'priority'] as const;

/** Options arrive as text, in the query or in form fields; JSON may also give numbers, booleans and lists. */
const valueSchema = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]).transform(String);

/**
 * The options of one job, checked.
 *
 * @throws CairnError `option-unknown`, `option-invalid`, or those of `parseFeatureOptions`.
 */
export function parseJobOptions(given: Readonly<Record<string, unknown>>) {
  const texts: Partial<Record<(typeof OPTION_NAMES)[number], string>> = {};
  for (const [name, value] of Object.entries(given)) {
    if (!(OPTION_NAMES as readonly string[]).includes(name)) {
      throw new CairnError('option-unknown', `There is no option "${name}"; known are ${OPTION_NAMES.join(', ')}.`);
    }
    const text = valueSchema.safeParse(value);
    if (!text.success)
      throw new CairnError('option-invalid', `${name} must be text, a number, a boolean or a list of names.`);
    texts[name as keyof typeof texts] = text.data;
  }
  return { ...parseFeatureOptions(texts), priority: parsePriority(texts.priority ?? 'normal') };
}

export type JobOptions = ReturnType<typeof parseJobOptions>;

function parsePriority(name: string): Priority {
  if (Object.hasOwn(PRIORITIES, name)) return name as Priority;
  throw new CairnError('option-invalid', `priority must be ${Object.keys(PRIORITIES).join(', ')}, not "${name}".`);
}
