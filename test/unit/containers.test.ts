import { describe, expect, test } from '@jest/globals';
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(`${ROOT}/${file}`, 'utf8');
const namesIn = (text: string, pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map(([, name]) => name!))];

describe('the Dockerfile', () => {
  const dockerfile = read('Dockerfile');

  test('fetches the libraries of the ONNX Runtime that package.json names', () => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> };
    expect(namesIn(dockerfile, /^ARG ONNXRUNTIME_VERSION=(.*)$/gm)).toEqual([dependencies['onnxruntime-node']]);
  });

  test('takes the TensorFlow that the conformance scripts run on', () => {
    const [version] = namesIn(read('conformance/requirements.txt'), /^tensorflow-cpu==(\S+)/gm);
    expect(namesIn(dockerfile, /'tensorflow\[and-cuda\]==(.*)'/g)).toEqual([version]);
  });

  test('copies only what .dockerignore lets in', () => {
    const copied = namesIn(dockerfile, /^COPY (?!--from)(.*) \S+$/gm).flatMap((files) => files.split(' '));
    const letIn = namesIn(read('.dockerignore'), /^!(.*)$/gm);
    expect(copied.sort()).toEqual(letIn.sort());
  });

  test('has a base for every variant that docker-compose.yml builds', () => {
    const bases = namesIn(dockerfile, /^FROM .* AS (\S+)-base$/gm);
    const built = ['cpu', ...namesIn(read('docker-compose.yml'), /^ +VARIANT: (.*)$/gm)];
    expect(built.sort()).toEqual(bases.sort());
  });
});

describe('docker-compose.yml', () => {
  const compose = read('docker-compose.yml');

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
