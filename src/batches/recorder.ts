import type { BatchLedger } from './ledger.js';
import type { Outcome, OutcomeRecorder } from '../jobs/outcome.js';

/** Enters what became of a batch's jobs into its books. */
export class BatchRecorder implements OutcomeRecorder {
  constructor(private readonly ledger: BatchLedger) {}

  async record(outcome: Outcome): Promise<void> {
    const { batch } = outcome.payload;
    if (!batch) return;
    const { line, name } = batch;
    const { state } = outcome;
    const what = state === 'completed' ? { featuresId: outcome.result.featuresId } : { error: outcome.error };
    await this.ledger.record(batch.id, [{ line, name, state, ...what }]);
  }
}
