// Retries of an upstream that says nothing about them, and of a route that wants some where its upstream has none.
import type { ResolvedRetry } from './resolved.ts';

export const RETRY_DEFAULTS: ResolvedRetry = {
  attempts: 2,
  budget: 0.2,
  connect: true,
  reset: true,
  statuses: [],
};
