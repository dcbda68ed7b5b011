/**
 * Thrown for a job that cannot begin now, though nothing is wrong with it: it goes back to the queue and holds no place
 * meanwhile. That is not one of its attempts.
 */
export class Postponed extends Error {
  override readonly name = 'Postponed';
}
