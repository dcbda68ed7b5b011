// The whole of it: the files installed, then proven, unless the proof is left out.
import { providerFiles } from './files.mjs';
import { installProviders } from './install.mjs';
import { needsOf, prove, tryTensorRt } from './prove.mjs';

/**
 * Resolves with `{ already, folder, version, cudaVersion, proven }`, and after the proof with `cuda` and `tensorrt`;
 * `cudaVersion` is the one that the files are made for, where `ldd` tells.
 */
export async function setUpProviders(packageFolder, options) {
  const files = providerFiles(packageFolder);
  const already = await installProviders(files, options);
  const { cudaVersion } = await needsOf(files, 'cuda');
  const installed = { already, folder: files.folder, version: files.version, cudaVersion };
  if (options['no-proof']) return { ...installed, proven: false };
  await prove(files);
  return { ...installed, proven: true, cuda: true, tensorrt: await tryTensorRt(files) };
}
