// How all replicas do, as a table for a terminal: what `list` prints in the console of `start --local`.
import type { StandIn } from '../supervisor/local.ts';
import type { ReplicaStatus, UpstreamStatus } from '../supervisor/replica-status.ts';
import { sharedNow } from '../upstream/shared-clock.ts';
import { columns } from './columns.ts';
import { checkText } from './unit-text.ts';

const HEAD = ['upstream', 'n', 'state', 'in flight', 'connections', 'last check', 'replica', 'stand-in'];
/** Columns of numbers. */
const RIGHT = [1, 3, 4];

/** @param now `sharedNow()` */
export function replicaTable(
  status: readonly UpstreamStatus[],
  standIns: ReadonlyMap<string, StandIn>,
  now: number = sharedNow(),
): string {
  const rows: string[][] = [HEAD];
  const remarks: string[] = [];
  for (const { name, replicas, queued, held } of status) {
    const standIn = standIns.get(name)?.replicas ?? [];
    if (replicas.length === 0) remarks.push(`${name}: no replica, because its names have no address`);
    for (const [index, replica] of replicas.entries()) {
      const played = standIn.find(({ url }) => url === replica.url);
      rows.push([
        name,
        String(index + 1),
        replica.backup ? `${replica.condition} (backup)` : replica.condition,
        String(replica.inFlight),
        String(replica.connections),
        lastCheck(replica, now),
        replica.url,
        played?.state ?? '',
      ]);
    }
    if (held > 0) remarks.push(`${name}: ${held} ${exchanges(held)} held until a replica is up`);
    if (queued > 0) remarks.push(`${name}: ${queued} ${exchanges(queued)} waiting for a free connection`);
  }
  return `${[...columns(rows, RIGHT), ...remarks].join('\n')}\n`;
}

function lastCheck({ lastCheck: detail, lastCheckAt, lastCheckTook }: ReplicaStatus, now: number): string {
  if (detail === '') return 'none';
  const ago = Math.max(0, Math.round((now - lastCheckAt) / 1000));
  return `${checkText(detail, lastCheckTook)}, ${ago} s ago`;
}

function exchanges(count: number): string {
  return count === 1 ? 'exchange' : 'exchanges';
}
