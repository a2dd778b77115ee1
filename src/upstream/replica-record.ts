// What the supervisor tells the workers about the replicas of an upstream: plain data and shared memory.

export interface ReplicaRecord {
  /** Never given twice in the life of the process. */
  readonly id: number;
  /** Index of the entry in the config that it came from. */
  readonly source: number;
  /** For logs, never for clients: as written, with the address where a name was resolved. */
  readonly url: string;
  /** Name in the config, for `Host` and the certificate: `api:3000`. */
  readonly authority: string;
  /** Where to connect: an address, or a name with `discover: 'static'`. */
  readonly host: string;
  readonly port: number;
  /** Speaks TLS. */
  readonly secure: boolean;
  /** Name in its certificate unless the config says another; undefined for the address itself. */
  readonly serverName: string | undefined;
  readonly weight: number;
  readonly backup: boolean;
  /** See `ReplicaCell`. */
  readonly cell: SharedArrayBuffer;
}

/** One upstream as the workers get it. */
export interface UpstreamState {
  readonly replicas: readonly ReplicaRecord[];
  /** See `UpstreamCell`. */
  readonly cell: SharedArrayBuffer;
  /** Key of its sticky cookies. */
  readonly secret: string;
}
