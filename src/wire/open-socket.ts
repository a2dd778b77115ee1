// Opens the socket of a client connection, plain or TLS, with reads going into buffers of our choice.
import { connect as connectPlain, type OnReadOpts, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

/** Where to connect. One object per replica, shared by its connections. */
export interface ConnectionTarget {
  readonly host: string;
  readonly port: number;
  /** Set for `https://` replicas. */
  readonly tls: { serverName: string | undefined; ca: string | undefined; verify: boolean } | null;
  /** Milliseconds. */
  readonly connectTimeout: number;
}

/** Replicas are named by the operator: the environment's proxy settings never apply. */
export function openSocket({ host, port, tls }: ConnectionTarget, onread: OnReadOpts): Socket {
  if (tls === null) return connectPlain({ host, port, noDelay: true, keepAlive: true, onread });
  const isAddress = /^[\d.]+$|:/.test(host);
  const options: ConnectionOptions & { onread: OnReadOpts } = {
    host,
    port,
    // RFC 6066 section 3: an address is no server name.
    servername: tls.serverName ?? (isAddress ? '' : host),
    rejectUnauthorized: tls.verify,
    ALPNProtocols: ['http/1.1'],
    onread,
  };
  if (tls.ca !== undefined) options.ca = tls.ca;
  // tls.connect() passes neither option on to the socket below.
  return connectTls(options).once('connect', sendAtOnce);
}

function sendAtOnce(this: Socket): void {
  this.setNoDelay(true).setKeepAlive(true);
}
