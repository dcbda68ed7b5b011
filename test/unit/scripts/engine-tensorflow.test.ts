import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readlink, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { installAddon } from '../../../scripts/engine-tensorflow/install.mjs';
import { chooseLibtensorflow, identityOf, inspectFolder } from '../../../scripts/engine-tensorflow/libtensorflow.mjs';
import { openStage, swapIn } from '../../../scripts/engine-tensorflow/stage.mjs';
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
    await expect(chooseLibtensorflow({ libtensorflow: asked }, { ...from, env })).resolves.toMatchObject({
      folder: asked,
    });
    await expect(chooseLibtensorflow({}, { ...from, env })).resolves.toMatchObject({ folder: environment });
    await expect(chooseLibtensorflow({}, from)).resolves.toMatchObject({ folder: installed });
    await expect(chooseLibtensorflow({ python: 'py' }, { ...from, env })).resolves.toMatchObject({ folder: installed });
    await expect(chooseLibtensorflow({ prebuilt: true }, { ...from, env })).resolves.toEqual({ kind: 'prebuilt' });
  });

  test('asks the Python named, else the one in PYTHON, else python3', async () => {
    const asked: string[] = [];
    const find = (python: string) => {
      asked.push(python);
      return Promise.resolve({ why: 'none' });
    };
    await expect(chooseLibtensorflow({ python: '/own/python' }, { ...linux, find })).rejects.toThrow();
    await chooseLibtensorflow({}, { ...linux, find, env: { PYTHON: 'python3.11' } });
    await chooseLibtensorflow({}, { ...linux, find });
    expect(asked).toEqual(['/own/python', 'python3.11', 'python3']);
  });

  test("the publisher's where nothing is found, and it says so", async () => {
    const told: string[] = [];
    const tell = (text: string) => told.push(text);
    await expect(chooseLibtensorflow({}, { ...linux, tell })).resolves.toEqual({ kind: 'prebuilt' });
    const old = await folderWith([...HEADERS, WHEEL[1]!]);
    const find = () => Promise.resolve({ folder: old });
    await expect(chooseLibtensorflow({}, { ...linux, tell, find })).resolves.toEqual({ kind: 'prebuilt' });
    expect(told).toEqual([expect.stringMatching(/python3 has no TensorFlow/), expect.stringMatching(/too old/)]);
  });

  test('what was asked for and does not fit is refused, not passed over', async () => {
    const empty = await tempDir();
    const find = () => Promise.resolve({ folder: empty });
    for (const choice of [
      chooseLibtensorflow({ libtensorflow: empty }, linux),
      chooseLibtensorflow({}, { ...linux, env: { TENSORFLOW_DIR: empty } }),
      chooseLibtensorflow({ python: 'python3' }, { ...linux, find }),
    ]) {
      await expect(choice).rejects.toMatchObject({
        step: 'find tensorflow',
        message: expect.stringMatching(/holds no libtensorflow/),
      });
    }
    const nowhere = chooseLibtensorflow({ python: 'python3' }, linux);
    await expect(nowhere).rejects.toThrow(/python3 has no TensorFlow\.\n.*python3 -m pip install tensorflow/);
  });

  test("on other systems only the publisher's", async () => {
    const mac = { ...linux, platform: 'darwin' };
    const folder = await wheel();
    await expect(chooseLibtensorflow({}, mac)).resolves.toEqual({ kind: 'prebuilt' });
    await expect(chooseLibtensorflow({ libtensorflow: folder }, mac)).rejects.toThrow(/on Linux only; this is darwin/);
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

  test('says which program is missing', async () => {
    const failure = checkCompiler({}, { CXX: 'no-such-compiler -O2', MAKE: process.execPath });
    await expect(failure).rejects.toThrow(/^compiler failed: missing: a C\+\+ compiler \(no-such-compiler\)/);
    await expect(failure).rejects.toThrow(/apt-get install g\+\+ make python3/);
  });
});

describe('the stage', () => {
  async function packageWithAddon() {
    const folder = join(await tempDir(), 'package');
    const files = ['package.json', 'dist/index.js', 'lib/old', 'deps/old', 'build-tmp/junk', '.cairn-engine.json'];
    for (const file of files) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), file);
    }
    return folder;
  }

  test('is the package without what was made, beside it, whatever an earlier run left', async () => {
    const folder = await packageWithAddon();
    await mkdir(join(dirname(folder), '.package-cairn/left-over'), { recursive: true });
    const stage = await openStage(folder);
    expect(dirname(stage.folder)).toBe(dirname(folder));
    expect(await readFile(join(stage.folder, 'dist/index.js'), 'utf8')).toBe('dist/index.js');
    for (const name of ['lib', 'deps', 'build-tmp', '.cairn-engine.json', 'left-over']) {
      expect([name, existsSync(join(stage.folder, name))]).toEqual([name, false]);
    }
    await stage.close();
    expect(existsSync(stage.folder)).toBe(false);
  });

  test('takes the place of what was there, and gives it back', async () => {
    const folder = await packageWithAddon();
    const stage = await openStage(folder);
    for (const name of ['lib', 'deps']) await mkdir(join(stage.folder, name, 'new'), { recursive: true });
    const goBack = await swapIn(stage.folder, folder);
    expect(existsSync(join(folder, 'lib/new')) && existsSync(join(folder, 'deps/new'))).toBe(true);
    expect(existsSync(join(folder, 'lib/old')) || existsSync(join(folder, '.cairn-engine.json'))).toBe(false);
    await goBack();
    expect(await readFile(join(folder, 'lib/old'), 'utf8')).toBe('lib/old');
    expect(existsSync(join(folder, 'deps/old')) && existsSync(join(folder, '.cairn-engine.json'))).toBe(true);
    expect(existsSync(join(folder, 'lib/new'))).toBe(false);
  });

  test('leaves the package as it was when it holds half an addon', async () => {
    const folder = await packageWithAddon();
    const stage = await openStage(folder);
    await mkdir(join(stage.folder, 'lib'));
    await expect(swapIn(stage.folder, folder)).rejects.toThrow(/ENOENT/);
    for (const file of ['lib/old', 'deps/old', '.cairn-engine.json']) {
      expect(await readFile(join(folder, file), 'utf8')).toBe(file);
    }
  });
});

describe('an addon without a proof', () => {
  // Programs that answer --version, and no wish of whoever runs the tests.
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
    const made = await installAddon({ libtensorflow, 'no-proof': true }, folder);
    const addon = join(folder, 'lib/napi-v8/tfjs_binding.node');
    expect(made).toEqual({
      already: false,
      libtensorflow: { kind: 'wheel', folder: libtensorflow },
      addon,
      proven: false,
    });
    expect(existsSync(addon)).toBe(true);
    expect(await readlink(join(folder, 'deps/lib'))).toBe(libtensorflow);
    const again = await installAddon({ libtensorflow, 'no-proof': true }, folder);
    expect(again).toEqual({ ...made, already: true });
  });

  onLinux('is proven by the next call, and stays where it was when that fails', async () => {
    const [folder, libtensorflow] = [await packageToCompile(), await folderWith([...HEADERS, ...WHEEL])];
    const { addon } = await installAddon({ libtensorflow, 'no-proof': true }, folder);
    await expect(installAddon({}, folder)).rejects.toMatchObject({
      step: 'load',
      message: expect.stringMatching(/load failed: loaded/),
    });
    expect(existsSync(addon)).toBe(true);
  });

  onLinux('is not put in place by a call that proves', async () => {
    const [folder, libtensorflow] = [await packageToCompile(), await folderWith([...HEADERS, ...WHEEL])];
    await expect(installAddon({ libtensorflow }, folder)).rejects.toMatchObject({ step: 'load' });
    expect(existsSync(join(folder, 'lib'))).toBe(false);
  });
});
