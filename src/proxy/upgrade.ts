// Switching protocols (RFC 9110 section 7.8): what a client may ask for, whether a replica has really agreed to
// that and nothing else, and what the client is told. From a 101 on nobody reads the bytes any more, so nothing is
// taken on trust.
import { createHash } from 'node:crypto';
import { Field, fieldOf } from '../routing/field-names.ts';
import type { Connection } from '../wire/connection.ts';
import { hasToken, type ResponseHead } from '../wire/response-head.ts';
import type { Exchange } from './exchange.ts';
import { clientHead } from './response-head.ts';
import { Tunnel } from './tunnel.ts';

/** RFC 6455 section 1.3. */
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Sixteen bytes in base64 (RFC 6455 section 4.1): the last of the 22 characters has four bits to spare. */
const WEBSOCKET_KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;
/** Protocols that would carry requests past the gate, whatever a route allows: HTTP in any version, TLS around it. */
const NEVER = /^(?:h2c?|h3|https?|tls)(?:\/|$)/;

/**
 * The protocol that a client asks to switch to, if it is one of `allowed` (in lower case) and asked for in a way
 * that leaves no doubt; otherwise null, and the request is one like any other.
 */
export function requestedUpgrade(exchange: Exchange, allowed: readonly string[]): string | null {
  const { req, request, method } = exchange;
  const { upgrade } = req.headers;
  if (upgrade === undefined || allowed.length === 0) return null;
  if (method !== 'GET' || req.httpVersionMinor !== 1) return null;
  if (request.body !== 'none' && Number(req.headers['content-length']) !== 0) return null;
  const { connection } = req.headers;
  if (connection === undefined || !hasToken(connection, 'upgrade')) return null;
  for (const item of upgrade.split(',')) {
    const protocol = item.trim().toLowerCase();
    if (!allowed.includes(protocol) || NEVER.test(protocol)) continue;
    if (protocol !== 'websocket' || isHandshake(req.headers)) return protocol;
  }
  return null;
}

/** A repeated field is joined by a comma, which no key holds. */
function isHandshake(headers: Exchange['req']['headers']): boolean {
  const key = headers['sec-websocket-key'];
  return headers['sec-websocket-version'] !== undefined && key !== undefined && WEBSOCKET_KEY.test(key);
}

/** Whether the head of a replica says that it speaks `asked` from now on: the one protocol it was asked for. */
export function isVerifiedUpgrade(
  { req }: Exchange,
  asked: string,
  { status, fields }: ResponseHead,
): boolean {
  if (status !== 101) return false;
  let switches = false;
  let protocol: string | null = null;
  let accept: string | null = null;
  for (let i = 0; i < fields.length; i += 2) {
    const value = fields[i + 1]!;
    switch (fieldOf(fields[i]!)) {
      case Field.CONNECTION:
        if (hasToken(value, 'upgrade')) switches = true;
        break;
      case Field.UPGRADE:
        if (protocol !== null) return false;
        protocol = value.toLowerCase();
        break;
      case Field.OTHER:
        if (fields[i]!.toLowerCase() !== 'sec-websocket-accept') break;
        if (accept !== null) return false;
        accept = value;
        break;
    }
  }
  if (!switches || protocol !== asked) return false;
  return asked !== 'websocket' || accept === acceptOf(req.headers['sec-websocket-key'] as string);
}

/** `Sec-WebSocket-Accept` for a key: whoever computes it has read the handshake (RFC 6455 section 4.2.2). */
function acceptOf(key: string): string {
  return createHash('sha1').update(`${key}${WEBSOCKET_GUID}`).digest('base64');
}

/** The fields of the 101 for the client: those of the replica that are for it, and those of the route's policies. */
export function upgradeFields(exchange: Exchange, { status, fields }: ResponseHead, asked: string): string[] {
  // Nobody stores a 101: no policy for caches applies.
  const plain = { status, fields, length: -1, bodiless: true, cacheControl: '', coded: true };
  return ['connection', 'Upgrade', 'upgrade', asked, ...clientHead(exchange, plain).fields];
}

/**
 * Hands the client's side over, with the 101 for it, and joins it to the connection.
 * @param idle milliseconds without a byte after which the tunnel is closed
 * @param onClosed told once, when the connection to the replica is gone
 */
export function startTunnel(
  exchange: Exchange,
  connection: Connection,
  head: ResponseHead,
  asked: string,
  idle: number,
  onClosed: () => void,
): void {
  const { res } = exchange;
  // The tunnel, and no response writer, hears of the client from now on.
  res.observer = null;
  new Tunnel(res.switchProtocols(upgradeFields(exchange, head, asked)), connection, idle, onClosed);
}
