import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../../src/config/config.js';
import { readEnv } from '../../src/config/env.js';
import { makeClient, type S3Settings } from '../../src/features/store/s3/s3-client.js';
import type { CleanUp } from '../clean-up.js';

const SERVERS = fileURLToPath(new URL('../../../test/support/s3/', import.meta.url));
const PYTHON = '/usr/bin/python3';

/** The bucket of CAIRN_STORE where that is S3; else one on OpenStack Swift, or on s3rver where that is not installed. */
export async function findS3(cleanUp: CleanUp): Promise<{ server: string; settings: S3Settings }> {
  const { store } = loadConfig(readEnv());
  if (store.kind === 's3') return { server: store.endpoint ?? 'AWS', settings: store };
  const hasSwift = spawnSync(PYTHON, ['-c', 'import swift.proxy.server, swift.obj.server']).status === 0;
  const [command, user, secret] = hasSwift
    ? [[PYTHON, join(SERVERS, 'serve_swift.py')], 'cairn:tester', 'testing']
    : [[process.execPath, join(SERVERS, 'serve-s3rver.mjs')], 'S3RVER', 'S3RVER'];
  const folder = await mkdtemp(join(tmpdir(), 'cairn-bench-s3-'));
  const child = spawn(command[0]!, [command[1]!, folder], { stdio: ['pipe', 'pipe', 'ignore'] });
  cleanUp.add(async () => {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: user, AWS_SECRET_ACCESS_KEY: secret });
  const endpoint = `http://127.0.0.1:${Number(port.toString())}`;
  const settings = { bucket: 'cairn-bench', prefix: '', endpoint, pathStyle: true };
  await makeClient(settings).send(new CreateBucketCommand({ Bucket: settings.bucket }));
  return { server: hasSwift ? 'OpenStack Swift' : 's3rver', settings };
}
