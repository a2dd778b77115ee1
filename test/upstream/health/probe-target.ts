// A replica as a prober is told of it, with the defaults of a health check.
import type { ProbeTarget } from '../../../src/upstream/health/prober.ts';
import { ReplicaCell } from '../../../src/upstream/replica-cell.ts';

const HEALTH = {
  path: '/health',
  interval: 10_000,
  timeout: 2000,
  rise: 2,
  fall: 3,
  status: [[200, 399]] as [number, number][],
  host: null,
  port: null,
};

/** A replica of the upstream `api`, on this port of 127.0.0.1. */
export function probeTarget(id: number, port = 1, check: Partial<ProbeTarget['check']> = {}): ProbeTarget {
  return {
    id,
    upstream: 'api',
    url: `http://api-${id}:3000`,
    authority: `api-${id}:3000`,
    connection: { host: '127.0.0.1', port, tls: null, connectTimeout: 1000 },
    cell: ReplicaCell.create(1),
    check: { ...HEALTH, ...check },
  };
}
