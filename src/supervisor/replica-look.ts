// One look at the replicas of an upstream from here and now, for `explain`: resolves their names and checks each of
// them once, by the same code as the gateway that serves. Keeps nothing and logs nothing.
import type { ResolvedHealth, ResolvedResolver, ResolvedUpstream } from '../config/resolved.ts';
import type { NameTrouble, ReplicaFinding, ReplicaLook } from '../gateway/explain-replicas.ts';
import { NameLookup } from '../upstream/discovery/name-lookup.ts';
import { Prober } from '../upstream/health/prober.ts';
import type { ReplicaRecord } from '../upstream/replica-record.ts';
import type { WireFailure } from '../wire/response-handler.ts';
import { tryConnect } from './connect-probe.ts';
import { Roster } from './roster.ts';

/** Longest wait for a connection to a replica that has no checks, in milliseconds. */
const CONNECT = 2000;

/** Takes as long as the names and the slowest check do, both of which have limits. Never rejects. */
export async function lookAtReplicas(
  upstream: ResolvedUpstream,
  resolver: ResolvedResolver,
): Promise<ReplicaLook> {
  const troubles: NameTrouble[] = [];
  const checked = new Set<number>();
  let onChecked = (): void => {};
  const onTurn = (id: number): void => {
    checked.add(id);
    onChecked();
  };
  const prober = new Prober({ onPass: () => {}, onTurn }, { log: { info: () => {}, warn: () => {} } });
  const lookup = new NameLookup(resolver.servers);
  // `staticState` has given the first numbers to the replicas as they are written.
  let ids = upstream.replicas.length;
  const roster = new Roster(
    { ...upstream, health: once(upstream.health), eject: null },
    {
      lookup,
      prober,
      interval: resolver.interval,
      workers: 1,
      secret: '',
      log: { info: () => {}, warn: (message, facts) => troubles.push(troubleOf(message, facts ?? {})) },
      enroll: () => ++ids,
      strike: () => {},
    },
    () => {},
  );
  await roster.start();
  // The names as they are now. What becomes of them is a matter for the gateway.
  roster.stop();
  const records = roster.state().replicas;
  let findings: ReplicaFinding[];
  if (upstream.health === null) {
    const limit = Math.min(upstream.timeouts.connect, CONNECT);
    findings = await Promise.all(records.map((record) => connectTo(record, limit)));
  } else {
    await new Promise<void>((resolve) => {
      onChecked = () => {
        if (records.every(({ id }) => checked.has(id))) resolve();
      };
      onChecked();
    });
    findings = roster.status().replicas.map(({ lastCheck: detail, lastCheckTook: took }) => ({
      detail,
      took,
      failure: null,
    }));
  }
  prober.stop();
  lookup.close();
  return { records, findings, troubles };
}

/** The first result counts: there will be no other. */
function once(health: ResolvedHealth | null): ResolvedHealth | null {
  return health === null ? null : { ...health, rise: 1, fall: 1 };
}

async function connectTo({ host, port }: ReplicaRecord, limit: number): Promise<ReplicaFinding> {
  const { outcome, reason, took } = await tryConnect(host, port, limit);
  switch (outcome) {
    case 'accepted':
      return { detail: 'accepts connections', took, failure: null };
    case 'late': {
      const failure: WireFailure = { kind: 'connect-timeout', detail: '' };
      return { detail: `no connection within ${limit} ms`, took, failure };
    }
    case 'failed': {
      const failure: WireFailure = { kind: 'connect-failed', detail: reason };
      const detail = reason === 'ECONNREFUSED' ? 'refuses connections' : `no connection: ${reason}`;
      return { detail, took, failure };
    }
  }
}

/** A line of the log as one of an explanation. */
function troubleOf(message: string, facts: Readonly<Record<string, unknown>>): NameTrouble {
  const { upstream: _, name, ...rest } = facts;
  const details = Object.entries(rest).map(([key, value]) =>
    key === 'detail' || key === 'hint' ? String(value) : `${key} ${String(value)}`,
  );
  return { name: String(name), message, detail: details.join('; ') };
}
