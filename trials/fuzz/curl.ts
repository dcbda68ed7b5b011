import type { Known } from './known.js';
import type { FuzzRequest } from './requests.js';

const SHOWN_BYTES = 3000;

/** A request as a command that sends it again. */
export function curl(origin: string, { method, target, headers, body }: FuzzRequest, known: Known): string {
  const words = ['curl', '-sS', '-i', '--path-as-is', '-X', method];
  for (const [name, value] of headers) words.push('-H', quote(`${name}: ${known.fill(value)}`));
  words.push(quote(origin + known.fill(target)));
  if (!body) return words.join(' ');
  const bytes = known.fillBytes(body);
  if (bytes.length > SHOWN_BYTES) return `${words.join(' ')} --data-binary @…   # ${bytes.length} bytes`;
  return `base64 -d <<< ${bytes.toString('base64')} | ${words.join(' ')} --data-binary @-`;
}

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
