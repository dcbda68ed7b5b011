import { afterEach, describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { diagnose } from '../../../scripts/engine-cuda/diagnose.mjs';
import { missingFiles, providerFiles, setUpProviders } from '../../../scripts/engine-cuda/set-up.mjs';
import { useTempDirs } from '../../support/temp-dir.js';

const tempDir = useTempDirs();
const PACKAGE = fileURLToPath(new URL('../../../node_modules/onnxruntime-node', import.meta.url));

describe('the provider files', () => {
  test('are those that onnxruntime-node names, in the folder of its binding', () => {
    const { folder, names } = providerFiles(PACKAGE, { platform: 'linux', arch: 'x64' });
    expect(folder).toMatch(/onnxruntime-node\/bin\/napi-v\d+\/linux\/x64$/);
    expect([...names].sort()).toEqual([
      'libonnxruntime_providers_cuda.so',
      'libonnxruntime_providers_shared.so',
      'libonnxruntime_providers_tensorrt.so',
    ]);
  });

  test('do not exist for other systems', () => {
    const failure = expect.objectContaining({ step: 'find files', message: expect.stringMatching(/for linux\/arm64/) });
    expect(() => providerFiles(PACKAGE, { platform: 'linux', arch: 'arm64' })).toThrow(failure);
  });

  test('are missing when they are absent, empty, or an error page', async () => {
    const folder = await tempDir();
    await writeFile(join(folder, 'whole.so'), '\x7fELF\x02\x01', 'latin1');
    await writeFile(join(folder, 'empty.so'), '');
    await writeFile(join(folder, 'page.so'), '<html>');
    const names = ['whole.so', 'empty.so', 'page.so', 'absent.so'];
    expect(missingFiles({ names }, folder)).toEqual(['empty.so', 'page.so', 'absent.so']);
  });

  test('of a package with other folders are found by its binding', async () => {
    const folder = await tempDir();
    const files = {
      'package.json': '{"version":"9.9.9"}',
      'bin/napi-v9/linux/x64/onnxruntime_binding.node': '',
      'script/install-metadata.js':
        "module.exports = { requirements: { 'linux/x64': ['gpu'] }, manifests: { 'linux/x64:gpu': { './a.so': {} } } };",
    };
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), text);
    }
    expect(providerFiles(folder, { platform: 'linux', arch: 'x64' })).toEqual({
      packageFolder: folder,
      folder: join(folder, 'bin/napi-v9/linux/x64'),
      names: ['a.so'],
      version: '9.9.9',
    });
  });
});

describe('the provider files without a proof', () => {
  const before = process.env['PATH'];
  afterEach(() => {
    process.env['PATH'] = before;
  });

  const LIBRARY = '\x7fELF\x02\x01';
  const NAME = 'libonnxruntime_providers_cuda.so';

  async function packageWithout() {
    const folder = join(await tempDir(), 'package');
    const system = `${process.platform}/${process.arch}`;
    const files = {
      'package.json': '{"version":"9.9.9"}',
      [`bin/napi-v9/${system}/onnxruntime_binding.node`]: '',
      'script/install-metadata.js': `module.exports = {
        requirements: { '${system}': ['gpu'] }, manifests: { '${system}:gpu': { './${NAME}': {} } },
      };`,
    };
    for (const [file, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), text);
    }
    return { folder, bin: join(folder, 'bin/napi-v9', system) };
  }

  /** A folder of programs that has this `ldd` first. */
  async function useLdd(output: string) {
    const programs = await tempDir();
    await writeFile(join(programs, 'ldd'), `#!/bin/sh\ncat <<'END'\n${output}\nEND\n`);
    await chmod(join(programs, 'ldd'), 0o755);
    process.env['PATH'] = [programs, before].join(delimiter);
  }

  test('are put in place, and say which CUDA they are for and that nothing ran', async () => {
    const [{ folder, bin }, from] = [await packageWithout(), await tempDir()];
    await writeFile(join(from, NAME), LIBRARY, 'latin1');
    await useLdd('\tlibcudart.so.13 => not found\n\tlibm.so.6 => /lib/libm.so.6 (0x00)');
    const expected = { folder: bin, version: '9.9.9', cudaVersion: 13, proven: false };
    expect(await setUpProviders(folder, { from, 'no-proof': true })).toEqual({ already: false, ...expected });
    expect(await readFile(join(bin, NAME), 'latin1')).toBe(LIBRARY);
    expect(await setUpProviders(folder, { 'no-proof': true })).toEqual({ already: true, ...expected });
  });

  test('are refused if they are of another version, wherever in the file it is named', async () => {
    const [{ folder, bin }, from] = [await packageWithout(), await tempDir()];
    await useLdd('');
    // Across two of the chunks that a file is read in.
    const padding = 'x'.repeat(2 ** 20 - LIBRARY.length - 4);
    await writeFile(join(from, NAME), `${LIBRARY}${padding}\x001.29.0\x00\x001.3.9\x00`, 'latin1');
    await expect(setUpProviders(folder, { from, 'no-proof': true })).rejects.toMatchObject({
      step: 'files',
      message: expect.stringMatching(/are of ONNX Runtime 1\.29\.0, the package is 9\.9\.9/),
    });
    expect(existsSync(join(bin, NAME))).toBe(false);
  });

  test('are absent after a download that failed, and say how to go on', async () => {
    const { folder, bin } = await packageWithout();
    await writeFile(join(bin, NAME), '<html>');
    await writeFile(
      join(folder, 'script/install.js'),
      `require('node:fs').writeFileSync('${join(bin, NAME)}', '\\x7fELF half'); throw new Error('connect ECONNREFUSED');`,
    );
    await expect(setUpProviders(folder, { 'no-proof': true })).rejects.toMatchObject({
      step: 'download',
      message: expect.stringMatching(/could not be reached\.\n.*HTTPS_PROXY.*--from DIR/),
    });
    expect(existsSync(join(bin, NAME))).toBe(false);
  });

  test('are installed by the script of the package', async () => {
    const { folder, bin } = await packageWithout();
    const script = `require('node:fs').writeFileSync('${join(bin, NAME)}', process.env.ONNXRUNTIME_NODE_INSTALL + ' library');`;
    await writeFile(join(folder, 'script/install.js'), script);
    const failure = { step: 'files', message: expect.stringContaining(`the download left out ${NAME}`) };
    await expect(setUpProviders(folder, { 'no-proof': true })).rejects.toMatchObject(failure);
    await writeFile(join(folder, 'script/install.js'), script.replace('process.env', "'\\x7fELF' + process.env"));
    expect(await setUpProviders(folder, { 'no-proof': true })).toMatchObject({ already: false, proven: false });
    expect(await readFile(join(bin, NAME), 'latin1')).toBe('\x7fELFtrue library');
  });

  test('are refused all the same where they are not whole', async () => {
    const [{ folder, bin }, from] = [await packageWithout(), await tempDir()];
    await writeFile(join(from, NAME), '<html>');
    const failure = { step: 'files', message: expect.stringMatching(/has no libonnx.*\n.*gpu_cuda12-9\.9\.9\.tgz/) };
    await expect(setUpProviders(folder, { from, 'no-proof': true })).rejects.toMatchObject(failure);
    expect(existsSync(join(bin, NAME))).toBe(false);
  });
});

describe('why CUDA does not compute', () => {
  const LOG = 'Failed to load library /x/libonnxruntime_providers_cuda.so with error: ';
  const cannotOpen = (name: string) => `${LOG}${name}: cannot open shared object file: No such file or directory\n`;

  test('no driver, and what is missing besides', () => {
    const { step, what, remedy } = diagnose('cuda', '', { driver: false, lacking: ['libcudnn.so.9'] });
    expect(step).toBe('find GPU');
    expect(what).toMatch(/no NVIDIA driver/);
    expect(remedy).toMatch(/Install the NVIDIA driver.*\n.*libcudnn9-cuda-12/);
  });

  test('the libraries that are missing, and the packages that have them', () => {
    const facts = { driver: true, lacking: ['libcublasLt.so.12', 'libcudnn.so.9'] };
    const { step, what, remedy } = diagnose('cuda', cannotOpen('libcublasLt.so.12'), facts);
    expect(step).toBe('load');
    expect(what).toBe('the CUDA 12 libraries and cuDNN 9 cannot be found (libcublasLt.so.12, libcudnn.so.9).');
    expect(remedy).toMatch(/cuda-libraries-12-\*.*\n.*libcudnn9-cuda-12.*\n.*LD_LIBRARY_PATH/);
  });

  test('by the log alone where nothing lists them; the CUDA version by their names', () => {
    const { what, remedy } = diagnose('cuda', cannotOpen('libcudart.so.13'), { driver: true, lacking: [] });
    expect(what).toMatch(/the CUDA 13 libraries cannot be found \(libcudart\.so\.13\)/);
    expect(remedy).toMatch(/cuda-libraries-13/);
    const found = diagnose('cuda', '', { driver: true, lacking: ['libcudnn.so.9'], cudaVersion: 13 });
    expect(found.remedy).toMatch(/libcudnn9-cuda-13/);
    const tensorRt = diagnose('tensorrt', cannotOpen('libnvinfer.so.10'), { driver: true, lacking: [] });
    expect(tensorRt.what).toMatch(/^TensorRT 10 cannot be found/);
  });

  test.each([
    ['CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version', 'find GPU', /too old/],
    ['CUDA failure 100: no CUDA-capable device is detected ; GPU=0', 'find GPU', /shows no GPU/],
    ['CUDA error cudaErrorNoKernelImageForDevice:no kernel image is available', 'run', /no kernels for this GPU/],
    ['CUDA failure 2: out of memory ; GPU=0', 'run', /no memory left/],
    ['first line\nthe process was ended by SIGSEGV\n', 'run', /with cuda: the process was ended by SIGSEGV/],
  ])('%s', (log, step, message) => {
    const found = diagnose('cuda', log, { driver: true, lacking: [] });
    expect(found.step).toBe(step);
    expect(found.what).toMatch(message);
  });
});
