// Types of children.mjs for the benchmarks that import it.
import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';

export function tieToParent(child: ChildProcess): void;
export function stopChild(child: ChildProcess, graceMs: number, signal?: NodeJS.Signals): Promise<void>;
export function keepTail(stream: Readable | null, limit?: number): () => string;
