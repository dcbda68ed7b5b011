import { existsSync, readdirSync } from 'node:fs';

/**
 * Why this machine cannot have a GPU of a kind, told by its device files; undefined where it may.
 * Cheap, and saves machines without one from starting drivers in vain.
 */
export function missingGpu(kind: 'nvidia' | 'any'): string | undefined {
  if (process.platform !== 'linux') return undefined;
  // WSL gives its GPU through one file for all kinds.
  if (existsSync('/dev/dxg') || existsSync('/dev/nvidiactl')) return undefined;
  if (kind === 'nvidia') return 'there is no NVIDIA GPU (no /dev/nvidiactl)';
  const render = existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('render'));
  return render ? undefined : 'there is no GPU (no /dev/nvidiactl, no /dev/dri/render*)';
}
