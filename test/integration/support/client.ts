import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { until } from './service.js';

/** A job as the API answers it; see DESIGN of the HTTP interface in docs/http.md. */
export interface Job {
  readonly id: string;
  readonly state: 'queued' | 'active' | 'completed' | 'failed' | 'cancelled';
  readonly attempts: number;
  readonly model: string;
  readonly weights: string;
  readonly featuresId?: string;
  readonly features?: { readonly id: string; readonly href: string };
  readonly timings?: Record<string, number>;
  readonly progress?: { readonly stage: string; readonly percent: number };
  readonly error?: { readonly code: string; readonly message: string };
  readonly links: Record<string, string>;
}

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

export function fixture(name: string): Promise<Buffer> {
  return readFile(fileURLToPath(new URL(`../../fixtures/images/${name}`, import.meta.url)));
}

/** Speaks HTTP to a running API. */
export class Client {
  constructor(readonly url: string) {}

  post(query: string, body: RequestInit['body'], headers: Record<string, string> = {}): Promise<Response> {
    return fetch(`${this.url}/v1/jobs?${query}`, { method: 'POST', body, headers });
  }

  /** Submits an image that must be accepted. */
  async submit(image: Buffer, query: string): Promise<Job> {
    const response = await this.post(query, new Uint8Array(image), { 'content-type': 'image/jpeg' });
    if (response.status !== 202) throw new Error(`${response.status}: ${await response.text()}`);
    return (await response.json()) as Job;
  }

  async job(id: string): Promise<Job> {
    return (await (await fetch(`${this.url}/v1/jobs/${id}`)).json()) as Job;
  }

  /** Waits until the job is in one of the states. */
  async waitFor(id: string, states: readonly Job['state'][], timeoutMs = 110_000): Promise<Job> {
    let job = await this.job(id);
    await until(
      async () => states.includes((job = await this.job(id)).state),
      timeoutMs,
      () => `job ${JSON.stringify(job)}`,
    );
    return job;
  }

  finish(id: string, timeoutMs?: number): Promise<Job> {
    return this.waitFor(id, ['completed', 'failed', 'cancelled'], timeoutMs);
  }

  async bytes(path: string, headers: Record<string, string> = {}): Promise<Buffer> {
    const response = await fetch(this.url + path, { headers });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  }
}

/** Splits a safetensors file into its header and its data. */
export function parseSafetensors(file: Buffer) {
  const length = Number(file.readBigUInt64LE());
  const header = JSON.parse(file.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  return { header, data: file.subarray(8 + length) };
}
