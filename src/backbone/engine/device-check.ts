import type { Target } from './choose-target.js';
import { probeDevice } from './probe-device.js';

/**
 * Tells a GPU that is lost from one that failed once. After a failure a new process tries the device: where it fails too, the device
 * is gone. Where it does not, the failure was of the run, or of what this process holds of the device: CUDA's errors stay for the
 * life of a process. So the device also counts as lost where the sessions that are compiled afterwards fail without one success.
 */
export class DeviceCheck {
  private checking: Promise<string | undefined> | undefined;
  private suspect = false;

  constructor(private readonly probe: typeof probeDevice = probeDevice) {}

  /** A run has succeeded. */
  succeeded(): void {
    this.suspect = false;
  }

  /** After a failed run; resolves with the reason where the device is lost. One check serves all that fail meanwhile. */
  failed(target: Target): Promise<string | undefined> {
    this.checking ??= this.check(target).finally(() => (this.checking = undefined));
    return this.checking;
  }

  private async check({ engine, device }: Target): Promise<string | undefined> {
    if (this.suspect) return 'new sessions fail on it, although another process can use it';
    this.suspect = true;
    const result = await this.probe(engine, device);
    return result.proven ? undefined : result.reason;
  }
}
