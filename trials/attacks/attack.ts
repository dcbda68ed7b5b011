import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { ask, type Answer, type Question } from '../ask.js';
import type { Counts } from '../counts.js';
import type { Place } from '../place/place.js';

/** What an attack has to work with. */
export interface Target {
  readonly place: Place;
  readonly url: string;
  /** The answers to the attacker. */
  readonly answers: Counts;
  /** Called with how many bytes an attacker has sent. */
  readonly sent: (bytes: number) => void;
}

export interface Attack {
  /** As in the review of 3f3b89d, the commit that `before` speaks of. */
  readonly number: number;
  readonly name: string;
  readonly before: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly strike: (target: Target) => Promise<void>;
}

export const OPTIONS = 'model=mask-rcnn-resnet18&size=64&levels=C5';
export const INFER = '/v2/models/mask-rcnn-resnet18/infer';

/** One request of the attacker. */
export async function strike(
  { url, answers, sent }: Target,
  path: string,
  question: Question,
): Promise<Answer | undefined> {
  sent(question.body?.length ?? 0);
  const answer = await ask(url, path, question);
  answers.add(answer ? [answer.status, answer.code].filter(Boolean).join(' ') : 'none');
  return answer;
}

/** A connection of its own that sends `head`, and reads nothing. */
export async function silent({ url, sent }: Target, head: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await Promise.race([once(socket, 'connect'), once(socket, 'close')]);
  socket.pause().write(head);
  sent(head.length);
  return socket;
}

/** Runs `task` so many times, at most `at` at once. */
export async function many(count: number, at: number, task: (number: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const run = async () => {
    while (next < count) await task(next++);
  };
  await Promise.all(Array.from({ length: at }, run));
}
