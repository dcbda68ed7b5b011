import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { cp, mkdir, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryFolder, until } from './support/service.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let npm: ChildProcess | undefined;
let output: string;

/** A checkout that has been set up, so that `npm start` neither installs nor builds. */
async function makeCheckout(to: string): Promise<void> {
  const files = ['package.json', 'package-lock.json', '.npmrc', 'tsconfig.json', 'tsconfig.build.json'];
  for (const name of [...files, 'scripts', 'dist', 'calibrations']) {
    await cp(join(ROOT, name), join(to, name), { recursive: true });
  }
  // Whatever else the build is made from.
  for (const entry of await readdir(ROOT, { withFileTypes: true })) {
    const { name } = entry;
    if (!entry.isDirectory() || name.startsWith('.') || name === 'node_modules' || existsSync(join(to, name))) continue;
    await symlink(join(ROOT, name), join(to, name));
  }
  await mkdir(join(to, 'node_modules'));
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (name !== '.cairn-setup') await symlink(join(ROOT, 'node_modules', name), join(to, 'node_modules', name));
  }
  const { buildInputs, packageInputs } = (await import(join(ROOT, 'scripts/setup/stamps.mjs'))) as {
    readonly buildInputs: (root: string) => string;
    readonly packageInputs: (root: string) => string;
  };
  await writeFile(join(to, 'node_modules/.cairn-setup'), packageInputs(to));
  await writeFile(join(to, 'dist/.cairn-setup'), buildInputs(to));
}

beforeEach(async () => {
  folder = await temporaryFolder();
  await makeCheckout(folder.path);
});
afterEach(async () => {
  npm?.kill('SIGKILL');
  for (const pid of [...ours().keys()]) process.kill(pid, 'SIGKILL');
  await until(() => ours().size === 0);
  await folder.remove();
});

/** Processes that the checkout has started, with their command lines. */
function ours(): Map<number, string> {
  const found = new Map<number, string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      // Redis writes its title over its environment, and works in the folder of its data.
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
      const inside = readlinkSync(`/proc/${pid}/cwd`).startsWith(join(folder.path, '.cairn'));
      const started = environment.includes(`INIT_CWD=${folder.path}\0`) && !command.startsWith('npm');
      if (command !== '' && (inside || started)) found.set(Number(pid), command);
    } catch {
      // It has ended, or is another user's.
    }
  }
  return found;
}

const pidOf = (words: RegExp) => [...ours()].find(([, command]) => words.test(command))?.[0];
const service = () => pidOf(/dist\/src\/main\.js/);
const redis = () => pidOf(/^\S*(redis|valkey)-server/);

async function startByNpm(): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0', CAIRN_DEVICE: 'cpu' };
  npm = spawn('npm', ['start'], { cwd: folder.path, env, stdio: ['ignore', 'pipe', 'pipe'] });
  output = '';
  for (const stream of [npm.stdout!, npm.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return served(1);
}

/** The address, once it has been printed this often. */
async function served(times: number): Promise<string> {
  const lines = () => output.match(/Cairn serves on http:\/\/\S+/g) ?? [];
  await until(
    () => lines().length >= times,
    90_000,
    () => output,
  );
  return lines().at(-1)!.replace('Cairn serves on ', '');
}

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux.each(['SIGTERM', 'SIGKILL'] as const)('an npm that is ended by %s takes everything with it', async (signal) => {
  await startByNpm();
  expect([service(), redis()]).toEqual([expect.any(Number), expect.any(Number)]);
  process.kill(npm!.pid!, signal);
  await until(
    () => ours().size === 0,
    45_000,
    () => [...ours().values()].join('\n'),
  );
});

onLinux('the service and Redis are started again when they die, with what they had accepted', async () => {
  const url = await startByNpm();
  process.kill(service()!, 'SIGKILL');
  expect(await served(2)).toBe(url);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  expect(output).toMatch(/The service was ended by SIGKILL; its jobs are kept\. It is started again in 1 s\./);

  const before = redis();
  process.kill(before!, 'SIGKILL');
  await until(() => redis() !== undefined && redis() !== before);
  await until(async () => (await fetch(`${url}/readyz`)).status === 200);
  expect(output).toContain('Redis ended; it is started again in 1 s.');
});

onLinux('nobody else of the machine gets at the data or into Redis', async () => {
  await startByNpm();
  for (const name of ['redis', 'data']) {
    expect([name, ((await stat(join(folder.path, '.cairn', name))).mode & 0o777).toString(8)]).toEqual([name, '700']);
  }
  const [, port] = /127\.0\.0\.1:(\d+)/.exec(ours().get(redis()!)!)!;
  const { ask } = (await import(join(ROOT, 'scripts/redis/probe.mjs'))) as {
    readonly ask: (port: number, command: string) => Promise<string>;
  };
  expect(await ask(Number(port), 'DBSIZE')).toMatch(/^-NOAUTH/);
  for (const command of ours().values()) expect(command).not.toMatch(/requirepass|redis:\/\/:/);
});
