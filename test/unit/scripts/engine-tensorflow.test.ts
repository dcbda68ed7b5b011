import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { mkdir, readlink, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { chooseLibrary, identityOf, inspectFolder } from '../../../scripts/engine-tensorflow/library.mjs';
import { compileFailure, setUpAddon } from '../../../scripts/engine-tensorflow/set-up.mjs';
import { checkCompiler, findHeaders } from '../../../scripts/engine-tensorflow/toolchain.mjs';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();

const HEADERS = [
  'include/tensorflow/c/c_api.h',
  'include/tensorflow/c/eager/c_api.h',
  'include/tensorflow/core/platform/ctstring_internal.h',
];
const WHEEL = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'];
const DISTRIBUTION = [
  'lib/libtensorflow.so.2.9.1',
  'lib/libtensorflow.so.2',
  'lib/libtensorflow.so',
  'lib/libtensorflow_framework.so.2.9.1',
  'lib/libtensorflow_framework.so',
];

async function folderWith(files: readonly string[], text = ''): Promise<string> {
  const folder = await tempDir();
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text || file);
  }
  return folder;
}

describe('a libtensorflow', () => {
  test('is a Python package with its libraries beside include/', async () => {
    const folder = await folderWith([...HEADERS, ...WHEEL]);
    expect(inspectFolder(folder)).toEqual({
      kind: 'wheel',
      folder,
      include: join(folder, 'include'),
      lib: folder,
      library: 'libtensorflow_cc.so.2',
      framework: 'libtensorflow_framework.so.2',
    });
  });

  test('is a distribution with its libraries in lib/, by the names that a linker looks for', async () => {
    const folder = await folderWith([...HEADERS, ...DISTRIBUTION]);
    expect(inspectFolder(folder)).toEqual({
      kind: 'distribution',
      folder,
      include: join(folder, 'include'),
      lib: join(folder, 'lib'),
      library: 'libtensorflow.so',
      framework: 'libtensorflow_framework.so',
    });
  });

  const refused: [string, readonly string[], RegExp][] = [
    ['an empty folder', [], /holds no libtensorflow\.\n.*include\/ and libtensorflow_cc/],
    ['site-packages', WHEEL.map((file) => `tensorflow/${file}`), /holds no libtensorflow; its folder tensorflow\//],
    [
      'an old Python package',
      [...HEADERS, WHEEL[1]!],
      /libtensorflow_cc\.so\.2 is missing: this TensorFlow is too old/,
    ],
    ['one without its second library', [...HEADERS, WHEEL[0]!], /holds no libtensorflow/],
    ['one without headers', WHEEL, /lacks include\/tensorflow\/c\/c_api\.h, include\/tensorflow\/c\/eager\/c_api\.h/],
    ['one without the headers of eager execution', [HEADERS[0]!, HEADERS[2]!, ...WHEEL], /lacks include\/.*eager/],
  ];
  test.each(refused)('is not %s', async (_, files, message) => {
    const folder = await folderWith(files);
    expect(() => inspectFolder(folder)).toThrow(expect.objectContaining({ step: 'find tensorflow' }));
    expect(() => inspectFolder(folder)).toThrow(message);
  });

  test('is not a dangling link, nor what is not there', async () => {
    const folder = await folderWith([...HEADERS, WHEEL[1]!]);
    await symlink(join(folder, 'gone'), join(folder, WHEEL[0]!));
    expect(() => inspectFolder(folder)).toThrow(/holds no libtensorflow/);
    expect(() => inspectFolder(join(folder, 'gone'))).toThrow(/gone is not a folder/);
  });

  test('is another one once its library changes in place', async () => {
    const folder = await folderWith([...HEADERS, ...WHEEL]);
    const before = identityOf(inspectFolder(folder));
    expect(identityOf(inspectFolder(folder))).toEqual(before);
    await utimes(join(folder, WHEEL[0]!), 1, 1);
    expect(identityOf(inspectFolder(folder))).not.toEqual(before);
  });
});

describe('which libtensorflow', () => {
  const wheel = () => folderWith([...HEADERS, ...WHEEL]);
  const linux = { platform: 'linux', env: {}, find: () => Promise.resolve({ why: 'python3 has no TensorFlow' }) };

  test('the one asked for, before the environment, before a Python', async () => {
    const [asked, environment, installed] = [await wheel(), await wheel(), await wheel()];
    const find = () => Promise.resolve({ folder: installed });
    const env = { TENSORFLOW_DIR: environment };
    const from = { ...linux, find };
    await expect(chooseLibrary({ libtensorflow: asked }, { ...from, env })).resolves.toMatchObject({
      folder: asked,
    });
    await expect(chooseLibrary({}, { ...from, env })).resolves.toMatchObject({ folder: environment });
    await expect(chooseLibrary({}, from)).resolves.toMatchObject({ folder: installed });
    await expect(chooseLibrary({ python: 'py' }, { ...from, env })).resolves.toMatchObject({ folder: installed });
  });

  test('asks the Python named, else the one in PYTHON, else python3', async () => {
    const asked: string[] = [];
    const find = (python: string) => {
      asked.push(python);
      return Promise.resolve({ why: 'none' });
    };
    await expect(chooseLibrary({ python: '/own/python' }, { ...linux, find })).rejects.toThrow();
    await expect(chooseLibrary({}, { ...linux, find, env: { PYTHON: 'python3.11' } })).rejects.toThrow();
    await expect(chooseLibrary({}, { ...linux, find })).rejects.toThrow();
    expect(asked).toEqual(['/own/python', 'python3.11', 'python3']);
  });

  test('one that does not fit is refused, wherever it comes from', async () => {
    const empty = await tempDir();
    const find = () => Promise.resolve({ folder: empty });
    for (const choice of [
      chooseLibrary({ libtensorflow: empty }, linux),
      chooseLibrary({}, { ...linux, env: { TENSORFLOW_DIR: empty } }),
      chooseLibrary({ python: 'python3' }, { ...linux, find }),
      chooseLibrary({}, { ...linux, find }),
    ]) {
      await expect(choice).rejects.toMatchObject({
        step: 'find tensorflow',
        message: expect.stringMatching(/holds no libtensorflow/),
      });
    }
    const old = await folderWith([...HEADERS, WHEEL[1]!]);
    const tooOld = chooseLibrary({}, { ...linux, find: () => Promise.resolve({ folder: old }) });
    await expect(tooOld).rejects.toThrow(/too old/);
  });

  test.each([{ python: 'python3' }, {}])('none is a failure that says how to get one: %j', async (options) => {
    await expect(chooseLibrary(options, linux)).rejects.toMatchObject({
      step: 'find tensorflow',
      message: expect.stringMatching(/python3 has no TensorFlow\.\n.*python3 -m pip install tensorflow/),
    });
  });

  test('builds on Linux only', async () => {
    const mac = { ...linux, platform: 'darwin' };
    const folder = await wheel();
    for (const options of [{}, { libtensorflow: folder }]) {
      await expect(chooseLibrary(options, mac)).rejects.toMatchObject({
        step: 'find tensorflow',
        message: expect.stringMatching(/on Linux only; this is darwin/),
      });
    }
  });
});

describe('what compiling takes', () => {
  const header = 'include/node/node_api.h';

  test('headers as asked for, by a setting of npm, beside this Node, or to be downloaded', async () => {
    const [asked, setting] = [await folderWith([header]), await folderWith([header])];
    const major = process.versions.node.split('.')[0]!;
    const version = 'include/node/node_version.h';
    const beside = await folderWith([header, version, 'bin/node'], `#define NODE_MAJOR_VERSION ${major}\n`);
    const execPath = join(beside, 'bin/node');
    const env = { npm_config_nodedir: setting };
    expect(findHeaders({ nodedir: asked }, { env, execPath })).toBe(asked);
    expect(findHeaders({}, { env, execPath })).toBe(setting);
    expect(findHeaders({}, { env: {}, execPath })).toBe(beside);
    await writeFile(join(beside, version), '#define NODE_MAJOR_VERSION 8\n');
    expect(findHeaders({}, { env: {}, execPath })).toBeUndefined();
  });

  test('a folder without headers is refused when it was named', async () => {
    const empty = await tempDir();
    const failure = expect.objectContaining({ step: 'headers' });
    expect(() => findHeaders({ nodedir: empty }, { env: {} })).toThrow(failure);
    expect(() => findHeaders({}, { env: { npm_config_nodedir: empty } })).toThrow(/npm's setting nodedir names/);
  });

  test('headers that could not be downloaded are told from the errors of a compiler', () => {
    const run = {
      ok: false,
      how: 'exited with 1',
      stdout: '',
      stderr: 'getaddrinfo ENOTFOUND nodejs.org',
      shown: true,
    };
    const library = { folder: '/tensorflow' };
    const { step, message } = compileFailure(run, undefined, library);
    expect({ step, message }).toEqual({ step: 'headers', message: expect.stringMatching(/--nodedir DIR/) });
    expect(compileFailure(run, '/usr', library).step).toBe('compile');
    expect(compileFailure({ ...run, stdout: 'CXX(target) a.o' }, undefined, library).step).toBe('compile');
  });

  test('says which program is missing', async () => {
    const failure = checkCompiler({}, { CXX: 'no-such-compiler -O2', MAKE: process.execPath });
    await expect(failure).rejects.toThrow(/^compiler failed: missing: a C\+\+ compiler \(no-such-compiler\)/);
    await expect(failure).rejects.toThrow(/apt-get install g\+\+ make python3/);
  });
});

describe('an addon without a proof', () => {
  // Programs that answer --version, and no settings of the environment.
  const settings = { CXX: process.execPath, MAKE: process.execPath, PYTHON: process.execPath, TENSORFLOW_DIR: '' };
  const before: Record<string, string | undefined> = {};
  beforeEach(() => {
    for (const name of Object.keys(settings)) before[name] = process.env[name];
    Object.assign(process.env, settings);
  });
  afterEach(() => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  });

  /** The TF.js package with a compiler that makes an addon which cannot be loaded. */
  async function packageToCompile() {
    const modules = await folderWith([]);
    const files = {
      '@tensorflow/tfjs-node-gpu/package.json': '{"main":"index.js"}',
      '@tensorflow/tfjs-node-gpu/index.js': "throw new Error('loaded')",
      '@mapbox/node-pre-gyp/package.json': '{}',
      '@mapbox/node-pre-gyp/bin/node-pre-gyp':
        "const { mkdirSync, writeFileSync } = require('node:fs');" +
        "mkdirSync('lib/napi-v8', { recursive: true }); writeFileSync('lib/napi-v8/tfjs_binding.node', '');",
    };
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(modules, 'node_modules', file)), { recursive: true });
      await writeFile(join(modules, 'node_modules', file), text);
    }
    return join(modules, 'node_modules/@tensorflow/tfjs-node-gpu');
  }

  const onLinux = process.platform === 'linux' ? test : test.skip;

  onLinux('is made, loads where its libtensorflow is, and says that it is not proven', async () => {
    const [folder, libtensorflow] = [await packageToCompile(), await folderWith([...HEADERS, ...WHEEL])];
    const made = await setUpAddon(folder, { libtensorflow, 'no-proof': true });
    const addon = join(folder, 'lib/napi-v8/tfjs_binding.node');
    expect(made).toEqual({
      already: false,
      libtensorflow: { kind: 'wheel', folder: libtensorflow },
      addon,
      proven: false,
    });
    expect(existsSync(addon)).toBe(true);
    expect(await readlink(join(folder, 'deps/lib'))).toBe(libtensorflow);
    const again = await setUpAddon(folder, { libtensorflow, 'no-proof': true });
    expect(again).toEqual({ ...made, already: true });
  });

  onLinux('is proven by the next call, and stays where it was when that fails', async () => {
    const [folder, libtensorflow] = [await packageToCompile(), await folderWith([...HEADERS, ...WHEEL])];
    const { addon } = await setUpAddon(folder, { libtensorflow, 'no-proof': true });
    await expect(setUpAddon(folder, {})).rejects.toMatchObject({
      step: 'load',
      message: expect.stringMatching(/load failed: loaded/),
    });
    expect(existsSync(addon)).toBe(true);
  });

  onLinux('is rebuilt where an interrupted run left one without its record', async () => {
    const [folder, libtensorflow] = [await packageToCompile(), await folderWith([...HEADERS, ...WHEEL])];
    for (const file of ['lib/napi-v7/tfjs_binding.node', 'deps/lib/libtensorflow.so']) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), 'half');
    }
    const { already, addon } = await setUpAddon(folder, { libtensorflow, 'no-proof': true });
    expect({ already, addon }).toEqual({ already: false, addon: join(folder, 'lib/napi-v8/tfjs_binding.node') });
    expect(existsSync(join(folder, 'lib/napi-v7'))).toBe(false);
  });

  onLinux('stays where it was while there is nothing to rebuild it with', async () => {
    const [folder, libtensorflow] = [await packageToCompile(), await folderWith([...HEADERS, ...WHEEL])];
    const made = await setUpAddon(folder, { libtensorflow, 'no-proof': true });
    process.env['CXX'] = 'no-such-compiler';
    const again = setUpAddon(folder, { libtensorflow, again: true, 'no-proof': true });
    await expect(again).rejects.toMatchObject({ step: 'compiler' });
    expect(await setUpAddon(folder, { libtensorflow, 'no-proof': true })).toEqual({ ...made, already: true });
  });

  const failures: [string, string, object][] = [
    ['a compiler that fails', 'process.exit(7)', { step: 'compile', message: expect.stringMatching(/exited with 7/) }],
    ['a compiler that makes nothing', '', { step: 'compile', message: expect.stringMatching(/no tfjs_binding\.node/) }],
  ];
  onLinux.each(failures)('%s leaves nothing behind', async (_, script, failure) => {
    const [folder, libtensorflow] = [await packageToCompile(), await folderWith([...HEADERS, ...WHEEL])];
    await writeFile(join(folder, '../../@mapbox/node-pre-gyp/bin/node-pre-gyp'), script);
    await expect(setUpAddon(folder, { libtensorflow, 'no-proof': true })).rejects.toMatchObject(failure);
    for (const name of ['lib', 'deps', '.cairn-engine.json']) expect(existsSync(join(folder, name))).toBe(false);
  });

  onLinux('is not put in place by a call that proves', async () => {
    const [folder, libtensorflow] = [await packageToCompile(), await folderWith([...HEADERS, ...WHEEL])];
    await expect(setUpAddon(folder, { libtensorflow })).rejects.toMatchObject({ step: 'load' });
    expect(existsSync(join(folder, 'lib'))).toBe(false);
  });
});
