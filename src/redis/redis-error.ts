import { ReplyError, type Redis } from 'ioredis';

/** What Redis answers where it cannot do its work, by the words in its error, and what that means. */
const STATES: readonly (readonly [RegExp, string])[] = [
  [/\bOOM command/, 'is out of memory (maxmemory is reached)'],
  [/\bREADONLY\b/, 'is read-only: it is a replica'],
  [/\bLOADING\b/, 'is loading its data'],
  [/\b(WRONGPASS|NOAUTH)\b|invalid password/, 'refuses the user or password of REDIS_URL'],
  [/\bNOPERM\b/, 'does not permit its user what is needed'],
  [/\bMISCONF\b/, 'cannot write to its disk'],
  [/\bNOREPLICAS\b/, 'has too few replicas to accept writes'],
  [/\bMASTERDOWN\b/, 'is a replica without its primary'],
  [/\b(MOVED|CROSSSLOT|CLUSTERDOWN|ASK)\b/, 'is a cluster that does not hold the keys in one place'],
  [/\bBUSY Redis/, 'is busy with a script'],
  [/\bNOTREADY\b/, 'accepts connections but is not ready: it is loading its data, or is frozen'],
  [/unknown command/i, 'lacks a command: it may be a Sentinel or too old'],
];

/** The state of a Redis that has answered with an error, as the end of a sentence; undefined for other errors. */
export function redisState(error: unknown): string | undefined {
  const message = error instanceof Error ? error.message : String(error);
  return STATES.find(([words]) => words.test(message))?.[1];
}

/** Whether an error is Redis' own, or that of a connection to it: what asked is not to blame. */
export function isRedisError(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof ReplyError || /^(ReplyError|MaxRetriesPerRequestError|AbortError)$/.test(error.name))
    return true;
  return redisState(error) !== undefined || /Connection is closed|Command timed out|Socket closed/.test(error.message);
}

const failures = new WeakMap<Redis, Error>();

/** Remembers why a connection cannot be made, until it is. */
export function rememberFailure(redis: Redis, error: Error | undefined): void {
  if (error) failures.set(redis, error);
  else failures.delete(redis);
}

/** Why a connection could not be made the last time. */
export function lastFailure(redis: Redis): Error | undefined {
  return failures.get(redis);
}

/** Whether the message is that of a connection that was lost or not made. */
export function isConnectionError(message: string): boolean {
  return /ECONN|EPIPE|ETIMEDOUT|Connection is closed/.test(message);
}
