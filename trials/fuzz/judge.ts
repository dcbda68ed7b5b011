import { HTTP_STATUS } from '../../src/api/http/status.js';
import { knownCode } from './codes.js';
import type { FuzzRequest } from './requests.js';
import type { Operation } from './operations.js';
import type { FuzzAnswer, Outcome } from './send.js';

/** Lines of a stack, and where code lies. */
const STACK = /\n\s+at .+:\d+:\d+|node:internal|node_modules|\bfile:\/\/\/|ReplyError|TypeError|RangeError/;
/** What the text of an answer may be; levels are not text. */
const TEXT = /json|text|xml|html/;

export interface Breach {
  readonly promise: string;
  readonly detail: string;
}

/** What an answer should not be. `secrets` are paths of this machine that no answer may have. */
export class Judge {
  private readonly operations: ReadonlyMap<string, Operation>;

  constructor(
    operations: readonly Operation[],
    private readonly secrets: readonly string[],
  ) {
    this.operations = new Map(operations.map((operation) => [operation.name, operation]));
  }

  breach(drawn: FuzzRequest, outcome: Outcome): Breach | undefined {
    if ('none' in outcome) {
      if (outcome.none !== 'late') return undefined;
      const { before } = outcome;
      const detail = `none; before it on the connection: ${before ? `${before.method} ${before.target} ${JSON.stringify(before.headers)}, a body of ${before.body?.length ?? 0} bytes` : 'nothing'}`;
      return { promise: 'an answer begins within half a minute', detail };
    }
    return this.ofStatus(drawn, outcome) ?? this.ofText(drawn, outcome) ?? this.ofProblem(drawn, outcome);
  }

  private ofStatus({ operation, method }: FuzzRequest, { status, headers, text }: FuzzAnswer): Breach | undefined {
    if (status >= 500) {
      const code = codeOf(text);
      const foreseen = status > 500 && (method === 'HEAD' || (knownCode(code) && HTTP_STATUS[code] === status));
      if (!foreseen) return { promise: 'no 5xx but documented ones', detail: `${status} ${text.slice(0, 300)}` };
      if (
        status !== 502 &&
        headers['retry-after'] === undefined &&
        code !== 'device-unavailable' &&
        code !== 'engine-unavailable'
      ) {
        return { promise: 'an outage says when to come again', detail: `${status} ${text.slice(0, 300)}` };
      }
    }
    const { statuses, method: own } = this.operations.get(operation)!;
    const documented = statuses.has(String(status)) || statuses.has(`${Math.floor(status / 100)}XX`) || status === 304;
    if (documented || own !== method) return undefined;
    return { promise: 'statuses are documented', detail: `${status} ${text.slice(0, 300)}` };
  }

  /** What the client itself has sent may come back. */
  private ofText(drawn: FuzzRequest, { headers, text }: FuzzAnswer): Breach | undefined {
    if (!TEXT.test(headers['content-type'] ?? '')) return undefined;
    const secret = this.secrets.find((path) => text.includes(path));
    if (secret !== undefined)
      return { promise: 'no answer names a path of the server', detail: excerpt(text, text.indexOf(secret)) };
    const stack = STACK.exec(text);
    if (stack && !isEcho(drawn, stack[0]))
      return { promise: 'no answer has a stack', detail: excerpt(text, stack.index) };
    return undefined;
  }

  private ofProblem({ method, target }: FuzzRequest, { status, headers, text }: FuzzAnswer): Breach | undefined {
    if (status < 400 || method === 'HEAD') return undefined;
    const type = headers['content-type'] ?? '';
    const expected = /^\/v2([/?]|$)/.test(target) ? /^application\/(problem\+)?json/ : /^application\/problem\+json/;
    if (expected.test(type) && knownCode(codeOf(text))) return undefined;
    // What Node itself refuses before there is a request.
    if (type === '' && text === '' && [400, 408, 413, 414, 417, 431].includes(status)) return undefined;
    return { promise: 'errors are problems with a known code', detail: `${status} ${type} ${text.slice(0, 300)}` };
  }
}

function codeOf(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { code?: string }).code;
  } catch {
    return undefined;
  }
}

const excerpt = (text: string, at: number) => text.slice(Math.max(0, at - 100), at + 300);

function isEcho({ target, headers, body }: FuzzRequest, part: string): boolean {
  return target.includes(part) || headers.some(([, value]) => value.includes(part)) || (body?.includes(part) ?? false);
}
