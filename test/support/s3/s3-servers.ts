import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { makeClient, type S3Settings } from '../../../src/features/store/s3/s3-client.js';

const HERE = dirname(fileURLToPath(import.meta.url));
const BUCKET = 'cairn-test';
/** Python of the system: Debian's packages are not seen by others. */
const PYTHON = '/usr/bin/python3';

export interface S3Server {
  /** Of a bucket that is empty. */
  readonly settings: S3Settings;
  /** For the environment of processes that use it. */
  readonly credentials: { readonly AWS_ACCESS_KEY_ID: string; readonly AWS_SECRET_ACCESS_KEY: string };
  stop(): Promise<void>;
}

export interface S3Kind {
  readonly name: 'swift' | 's3rver';
  /** Why it cannot run here; undefined where it can. */
  readonly missing: string | undefined;
  start(): Promise<S3Server>;
}

/** OpenStack Swift, from Debian: `node scripts/swift.mjs` installs it. */
export const SWIFT: S3Kind = {
  name: 'swift',
  missing: whyNoSwift(),
  start: () => launch([PYTHON, join(HERE, 'serve_swift.py')], 'cairn:tester', 'testing'),
};

/** A server from npm, without conditions and without atomic writes. */
export const S3RVER: S3Kind = {
  name: 's3rver',
  missing: undefined,
  start: () => launch([process.execPath, join(HERE, 'serve-s3rver.mjs')], 'S3RVER', 'S3RVER'),
};

/** The best of those that can run here. */
export const S3_SERVER = SWIFT.missing === undefined ? SWIFT : S3RVER;

function whyNoSwift(): string | undefined {
  try {
    execFileSync(
      PYTHON,
      ['-c', 'import swift.proxy.server, swift.account.server, swift.container.server, swift.obj.server'],
      {
        stdio: 'ignore',
      },
    );
    execFileSync(
      PYTHON,
      ['-c', "import os, tempfile; f = tempfile.NamedTemporaryFile(); os.setxattr(f.name, 'user.swift', b'x' * 2000)"],
      { stdio: 'ignore' },
    );
    return undefined;
  } catch (error) {
    const { status } = error as { status?: number };
    return status === undefined
      ? 'there is no /usr/bin/python3'
      : 'Debian packages swift-proxy, swift-account, swift-container and swift-object, or extended attributes in the folder for temporary files, are missing';
  }
}

/** Lets a container of Swift take no more bytes than that, by its own API. */
export async function limitContainer(
  { settings, credentials }: S3Server,
  bucket: string,
  bytes: number,
): Promise<void> {
  const { AWS_ACCESS_KEY_ID: user, AWS_SECRET_ACCESS_KEY: key } = credentials;
  const login = await fetch(`${settings.endpoint}/auth/v1.0`, { headers: { 'x-auth-user': user, 'x-auth-key': key } });
  const url = login.headers.get('x-storage-url')!;
  const headers = { 'x-auth-token': login.headers.get('x-auth-token')!, 'x-container-meta-quota-bytes': String(bytes) };
  const { status } = await fetch(`${url}/${bucket}`, { method: 'POST', headers });
  if (status !== 204) throw new Error(`the quota was refused with ${status}`);
}

/** Starts a program that prints its port, and makes a bucket. Credentials are set in this process, too. */
async function launch([program, ...args]: [string, ...string[]], user: string, secret: string): Promise<S3Server> {
  const folder = await mkdtemp(join(tmpdir(), 'cairn-s3-'));
  const child = spawn(program, [...args, folder], { stdio: ['pipe', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (text) => (log += String(text)));
  const exited = once(child, 'exit');
  const stop = async () => {
    child.stdin.end();
    child.kill('SIGKILL');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  const first = once(child.stdout, 'data').then(([text]) => Number(String(text)));
  const port = await Promise.race([first, exited.then(() => undefined)]);
  if (port === undefined) {
    await rm(folder, { recursive: true, force: true });
    throw new Error(`${program} did not start: ${log}`);
  }
  const credentials = { AWS_ACCESS_KEY_ID: user, AWS_SECRET_ACCESS_KEY: secret };
  Object.assign(process.env, credentials);
  const settings = { bucket: BUCKET, prefix: '', endpoint: `http://127.0.0.1:${port}`, pathStyle: true };
  const client = makeClient(settings);
  try {
    await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  } catch (error) {
    await stop();
    throw error;
  } finally {
    client.destroy();
  }
  return { settings, credentials, stop };
}
