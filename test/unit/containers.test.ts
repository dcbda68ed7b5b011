import { describe, expect, test } from '@jest/globals';
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cp, symlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { useTempDirs } from '../support/temp-dir.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(`${ROOT}/${file}`, 'utf8');
const tempDir = useTempDirs();
const namesIn = (text: string, pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map(([, name]) => name!))];

describe('the Dockerfile', () => {
  const dockerfile = read('Dockerfile');

  test('downloads the libraries of the ONNX Runtime version in package.json', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    expect(namesIn(dockerfile, /^ARG ONNXRUNTIME_VERSION=(.*)$/gm)).toEqual([dependencies['onnxruntime-node']]);
  });

  test('uses the TensorFlow version of the conformance scripts', () => {
    const [version] = namesIn(read('conformance/requirements.txt'), /^tensorflow-cpu==(\S+)/gm);
    expect(namesIn(dockerfile, /'tensorflow\[and-cuda\]==(.*)'/g)).toEqual([version]);
  });

  test('copies exactly what .dockerignore admits', () => {
    const copied = namesIn(dockerfile, /^COPY (?!--from)(.*) \S+$/gm).flatMap((files) => files.split(' '));
    const admitted = namesIn(read('.dockerignore'), /^!(.*)$/gm);
    expect(copied.sort()).toEqual(admitted.sort());
  });

  test('leaves TensorFlow.js’ native package, and what it brings, out of variants without it', () => {
    const { optionalDependencies } = JSON.parse(read('package.json')) as {
      optionalDependencies: Record<string, string>;
    };
    expect(Object.keys(optionalDependencies)).toEqual(['@tensorflow/tfjs-node-gpu']);
    expect(dockerfile).toMatch(
      /if \[ "\$\{VARIANT\}" != tensorflow-gpu \]; then npm pkg delete optionalDependencies\.@tensorflow\/tfjs-node-gpu; fi \\\n && npm prune --omit=dev/,
    );
  });

  /** The instructions of a stage, after those of the stage that it starts from. */
  function instructionsOf(stage: string): string[] {
    const [, parent, body] =
      new RegExp(`^FROM (\\S+) AS ${stage}$(.*?)(?=^FROM |(?![^]))`, 'ms').exec(dockerfile) ?? [];
    if (parent === undefined) return [];
    const lines = body!
      .replaceAll(/^#.*\n/gm, '')
      .replaceAll(/\\\n/g, ' ')
      .split('\n');
    return [...instructionsOf(parent), ...lines.map((line) => line.trim()).filter(Boolean)];
  }

  test('compiles in the build stage, from the files that the stage copies', async () => {
    const instructions = instructionsOf('build');
    const folder = await tempDir();
    for (const [, files, to] of instructions.flatMap((line) => [...line.matchAll(/^COPY (.*) (\S+)$/g)])) {
      for (const file of files!.split(' ')) {
        const target = join(folder, to!, to!.endsWith('/') ? basename(file) : '');
        await cp(join(ROOT, file), target, { recursive: true });
      }
    }
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const build = instructions.map((line) => /^RUN (npm run build)\b/.exec(line)?.[1]).find(Boolean);
    expect(build).toBeDefined();
    const [program, ...args] = build!.split(' ');
    const { status, stdout, stderr } = spawnSync(program!, args, { cwd: folder, encoding: 'utf8' });
    expect({ status, output: stdout + stderr }).toEqual({ status: 0, output: expect.any(String) });
    for (const file of ['dist/src/main.js', 'dist/src/cli/cairn.js']) expect(existsSync(join(folder, file))).toBe(true);
  }, 180_000);

  test('has a base for every variant that docker-compose.yml builds', () => {
    const bases = namesIn(dockerfile, /^FROM .* AS (\S+)-base$/gm);
    const built = ['cpu', ...namesIn(read('docker-compose.yml'), /^ +VARIANT: (.*)$/gm)];
    expect(built.sort()).toEqual(bases.sort());
  });
});

test('nest-cli.json builds what npm run build builds', () => {
  const { compilerOptions } = JSON.parse(read('nest-cli.json')) as { compilerOptions: { tsConfigPath: string } };
  const { scripts } = JSON.parse(read('package.json')) as { scripts: { build: string } };
  expect(scripts.build).toMatch(new RegExp(`tsc -p ${compilerOptions.tsConfigPath}$`));
});

interface ComposeService {
  readonly cap_drop?: string[];
  readonly security_opt?: string[];
  readonly read_only?: boolean;
  readonly tmpfs?: string[];
  readonly mem_limit?: string;
  readonly pids_limit?: number;
  readonly networks?: string[];
  readonly ports?: string[];
  readonly command?: string[];
  readonly user?: string;
  readonly environment: Readonly<Record<string, string | null>>;
}

/** Maps with the maps that `<<` names, as Compose reads them. */
function merged(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(merged);
  if (typeof value !== 'object' || value === null) return value;
  const { '<<': base, ...own } = value as Record<string, unknown>;
  const entries = Object.entries(own).map(([name, part]) => [name, merged(part)] as const);
  return { ...(merged(base) as object | undefined), ...Object.fromEntries(entries) };
}

describe('docker-compose.yml', () => {
  const compose = read('docker-compose.yml');
  const { services, networks } = merged(load(compose)) as {
    readonly services: Readonly<Record<string, ComposeService>>;
    readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
  };

  test.each(Object.entries(services))('confines %s: privileges, memory, processes, files', (_, service) => {
    expect(service).toMatchObject({
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      read_only: true,
      tmpfs: [expect.stringMatching(/^\/tmp:size=\d+m$/)],
      mem_limit: expect.stringMatching(/^\$\{CAIRN_\w+:-\d+g\}$/),
      pids_limit: expect.any(Number),
    });
  });

  test('has Redis in a network that leads nowhere, behind a password, and on the disk before it replies', () => {
    const { redis, ...others } = services;
    expect([redis!.networks, networks['queue'], redis!.ports]).toEqual([['queue'], { internal: true }, undefined]);
    const settings = redis!.command!.join(' ');
    for (const setting of ['appendonly yes', 'appendfsync always', 'maxmemory-policy noeviction', 'maxmemory ${']) {
      expect(settings).toContain(`--${setting}`);
    }
    const password = /--requirepass (\S+)/.exec(settings)![1]!;
    expect(redis).toMatchObject({ user: 'redis', environment: { REDISCLI_AUTH: password } });
    for (const { environment, networks: joined } of Object.values(others)) {
      expect(environment['REDIS_URL']).toBe(`redis://:${password}@redis:6379`);
      expect(joined).toContain('queue');
    }
    const shared = services['api']!.networks!.filter((name) => services['worker']!.networks!.includes(name));
    expect(shared).toEqual(['queue']);
  });

  test('passes on settings that exist', () => {
    const known = read('docs/configuration.md');
    const passed = namesIn(compose, /^ +(CAIRN_\w+):/gm);
    expect(passed.length).toBeGreaterThan(10);
    expect(passed.filter((name) => !known.includes(`\`${name}\``))).toEqual([]);
  });

  test('has settings of its own that the documentation names', () => {
    const known = read('docs/deployment.md') + read('docs/configuration.md');
    const own = namesIn(compose, /\$\{(\w+)/g);
    expect(own).toContain('CAIRN_WORKERS');
    expect(own.filter((name) => !known.includes(`\`${name}`))).toEqual([]);
  });

  const hasCompose = spawnSync('docker', ['compose', 'version']).status === 0;
  const everywhere = ['api', 'redis'];
  (hasCompose ? test : test.skip).each([
    ['nothing', [], ['worker']],
    ['--profile cpu', ['--profile', 'cpu'], ['worker']],
    ['--profile gpu', ['--profile', 'gpu'], ['worker-gpu']],
    ['--profile tensorflow-gpu', ['--profile', 'tensorflow-gpu'], ['worker-tensorflow-gpu']],
    ['another .env', ['--env-file', '/dev/null'], ['worker']],
  ])('%s starts the API, Redis and its workers', async (_, args, workers) => {
    const env = { ...process.env, COMPOSE_PROFILES: undefined };
    const run = await promisify(execFile)('docker', ['compose', ...args, 'config', '--services'], { cwd: ROOT, env });
    expect(run.stdout.trim().split('\n').sort()).toEqual([...everywhere, ...workers].sort());
  });
});
