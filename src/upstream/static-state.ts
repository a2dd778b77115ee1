// The records of replicas: one made of an entry of the config and an address, and those of a whole upstream as they
// are written, for whoever wants no names looked up.
import { isIP } from 'node:net';
import type { ResolvedReplica, ResolvedUpstream } from '../config/resolved.ts';
import { bracketed, hostAndPort } from './host-and-port.ts';
import { ReplicaCell } from './replica-cell.ts';
import type { ReplicaRecord, UpstreamState } from './replica-record.ts';
import { UpstreamCell } from './upstream-cell.ts';

export interface RecordFacts {
  readonly id: number;
  readonly source: number;
  readonly entry: ResolvedReplica;
  /** Where to connect. */
  readonly found: { readonly host: string; readonly port: number; readonly name: string | null };
  readonly weight: number;
  readonly backup: boolean;
  readonly cell: SharedArrayBuffer;
}

export function replicaRecord({
  id,
  source,
  entry,
  found,
  weight,
  backup,
  cell,
}: RecordFacts): ReplicaRecord {
  const { host, port } = found;
  const { secure, srv } = entry;
  const name = found.name ?? entry.host;
  const where = hostAndPort(host, port);
  const isWritten = !srv && host === entry.host && port === entry.port;
  return {
    id,
    source,
    url: isWritten ? entry.url : `${entry.url} (${where})`,
    // The default port is left out (RFC 9110 section 7.2).
    authority: port === (secure ? 443 : 80) ? bracketed(name) : hostAndPort(name, port),
    host,
    port,
    secure,
    // RFC 6066 section 3: an address is no server name.
    serverName: isIP(name) === 0 ? name : undefined,
    weight,
    backup,
    cell,
  };
}

/** The replicas as written, for one worker of one process: nothing is looked up, nothing is checked. */
export function staticState(config: ResolvedUpstream): UpstreamState {
  const replicas = config.replicas.map((entry, source) =>
    replicaRecord({
      id: source + 1,
      source,
      entry,
      found: { host: entry.host, port: entry.port, name: null },
      weight: entry.weight,
      backup: entry.backup,
      cell: ReplicaCell.create(1).memory,
    }),
  );
  return { replicas, cell: UpstreamCell.create(1).memory, secret: config.sticky?.secret ?? '' };
}
