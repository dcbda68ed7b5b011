import { type Config } from '../config/config.js';
import { openStore, type OpenStore } from '../features/store/open-store.js';
import { Quarantine } from '../features/store/quarantine.js';
import { StoreHealth } from '../features/store/store-health.js';
import { Logger } from '../logger.js';
import { ProcessMetrics } from '../metrics/process-metrics.js';

/** Stops something that was started; called once. */
export type Stop = () => Promise<void>;

/** What API and worker of one process share. */
export interface Shared {
  readonly store: OpenStore;
  readonly quarantine: Quarantine;
  readonly health: StoreHealth;
  readonly metrics: ProcessMetrics;
  readonly logger: Logger;
}

export async function share(config: Config, logger: Logger): Promise<Shared> {
  const store = await openStore(config.store);
  const quarantine = new Quarantine(store, logger);
  const health = new StoreHealth(store, { role: config.role === 'worker' ? 'user' : 'owner', log: logger });
  return { store, quarantine, health, metrics: new ProcessMetrics(quarantine), logger };
}
