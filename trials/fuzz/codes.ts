import { HTTP_STATUS, type ServerCode } from '../../src/api/http/status.js';

export function knownCode(code: string | undefined): code is ServerCode {
  return code !== undefined && Object.hasOwn(HTTP_STATUS, code);
}
