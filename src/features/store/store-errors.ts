import { asCairnError, CairnError } from '../../errors.js';

/** What the system answers where there is no room left: the disk, a quota, a limit of the process. */
const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** What it answers where the whole store cannot be used, in words. */
const UNAVAILABLE: Readonly<Record<string, string>> = {
  EROFS: 'it is read-only',
  EACCES: 'permission is denied',
  EPERM: 'permission is denied',
  EIO: 'the disk fails (EIO)',
  ESTALE: 'its file system was remounted (ESTALE)',
  ENODEV: 'its device is gone',
  ENXIO: 'its device is gone',
  ENOTCONN: 'its file system is not connected',
  EHOSTDOWN: 'its server is down',
  EMFILE: 'too many files are open',
  ENFILE: 'too many files are open',
};

/**
 * An error of the file system as a failure of the store. Those of the place, which no job can help, have codes of their own;
 * their messages name no paths of the server, since they go to clients.
 */
export function storeError(error: unknown): CairnError {
  if (error instanceof CairnError) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  if (FULL.has(code)) return new CairnError('store-full', 'The store has no space left.', { cause: error });
  const reason = UNAVAILABLE[code];
  if (reason !== undefined) return storeUnavailable(reason, error);
  const { syscall } = error as NodeJS.ErrnoException;
  if (code === '' || syscall === undefined) return asCairnError(error, 'store-failed');
  return new CairnError('store-failed', `The store failed: ${code} (${syscall}).`, { cause: error });
}

export function storeUnavailable(reason: string, cause?: unknown): CairnError {
  return new CairnError('store-unavailable', `The store cannot be used: ${reason}.`, { cause });
}
