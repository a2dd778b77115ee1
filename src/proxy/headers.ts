// Header fields across the gateway: what of a request goes on to a replica, and what of an answer may pass
// back. Hop-by-hop fields end here (RFC 9110 section 7.6.1); who the client is, is said by us alone.
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { performance } from 'node:perf_hooks';
import { Field, fieldOf, lowerName } from '../routing/field-names.ts';
import type { Exchange } from './exchange.ts';
import { forwardedByTrusted } from './forwarded.ts';

const PROCESS = `${hostname()} ${process.pid} ${performance.timeOrigin}`;
/**
 * Name of this process in `Via`, so that a request that comes back to it is recognised. Its worker threads share
 * it: the way back may lead to another one.
 */
export const VIA_NAME = `parvis-${createHash('sha256').update(PROCESS).digest('hex').slice(0, 10)}`;

/**
 * Fields a client may not have removed by naming them in `Connection`: they belong to the whole way, and a
 * replica decides by them (CVE-2026-33805 and its relatives).
 */
const END_TO_END = new Set(
  'host cookie authorization content-type content-length content-encoding cache-control origin referer'.split(
    ' ',
  ),
);

export interface RequestTarget {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Value of `Host`. */
  readonly authority: string;
  /**
   * True sends nothing by which the answer could differ from the one for everybody: of the client's fields only
   * `accept` and `user-agent`.
   */
  readonly plain: boolean;
  /** The protocol that the client asks to switch to, and may; see `requestedUpgrade`. */
  readonly upgrade: string | null;
}

/** The head of the request to a replica; 'LOOP' when this gateway has forwarded the request before. */
export function requestHead(exchange: Exchange, target: RequestTarget): string | 'LOOP' {
  const { client, request, route, req } = exchange;
  const fields = req.rawHeaders;
  const remove = route.request.remove;
  let head = `${target.method} ${target.path}${target.query} HTTP/1.1\r\nhost: ${target.authority}\r\n`;
  if (target.upgrade) head += `connection: upgrade\r\nupgrade: ${target.upgrade}\r\n`;
  let via = '';
  let nominated: Set<string> | null = null;
  if (req.headers.connection !== undefined) nominated = nominatedFields(req.headers.connection);
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!;
    const field = fieldOf(name);
    if (target.plain && !isForEverybody(name, field)) continue;
    switch (field) {
      case Field.VIA:
        if (fields[i + 1]!.includes(VIA_NAME)) return 'LOOP';
        via += `${fields[i + 1]}, `;
        continue;
      case Field.MAX_FORWARDS:
        // RFC 9110 section 7.6.2; zero was answered before it came here.
        if (exchange.method === 'OPTIONS') {
          const left = Number(fields[i + 1]);
          if (Number.isSafeInteger(left) && left > 0) head += `max-forwards: ${left - 1}\r\n`;
          continue;
        }
        break;
      case Field.ALIAS:
      case Field.HOST:
      case Field.CONTENT_LENGTH:
      case Field.TRANSFER_ENCODING:
      case Field.EXPECT:
      case Field.CONNECTION:
      case Field.KEEP_ALIVE:
      case Field.HOP_BY_HOP:
      case Field.TE:
      case Field.TRAILER:
      case Field.UPGRADE:
      case Field.FORWARDED:
      case Field.X_FORWARDED_FOR:
      case Field.X_FORWARDED_PROTO:
      case Field.X_FORWARDED_HOST:
      case Field.X_FORWARDED_PORT:
        continue;
    }
    if (nominated?.has(name.toLowerCase())) continue;
    if (remove?.has(name.toLowerCase())) continue;
    head += `${name}: ${fields[i + 1]}\r\n`;
  }
  if (exchange.forwardsBody) head += framingLine(exchange);
  const host = clientAuthority(request.host, request.port);
  if (exchange.forwarded !== null)
    head += forwardedByTrusted(exchange, exchange.forwarded, host, target.plain);
  else {
    const port = request.port !== '' ? request.port : client.secure ? '443' : '80';
    head +=
      `${client.forwardedLines}x-forwarded-host: ${host}\r\nx-forwarded-port: ${port}\r\n` +
      `forwarded: ${client.forwardedElement}"${host}"\r\n`;
  }
  const version = req.httpVersionMinor === 0 ? '1.0' : '1.1';
  return `${head}via: ${via}${version} ${VIA_NAME}\r\n${route.request.lines}\r\n`;
}

/** See `RequestTarget.plain`. */
function isForEverybody(name: string, field: Field): boolean {
  return field === Field.ACCEPT || field === Field.VIA || lowerName(name) === 'user-agent';
}

/** `name` or `name:port`, as the client named it. */
export function clientAuthority(host: string, port: string): string {
  return port === '' ? host : `${host}:${port}`;
}

function framingLine(exchange: Exchange): string {
  if (exchange.request.body === 'chunked') return 'transfer-encoding: chunked\r\n';
  // Leading zeros are legal and pointless; the replica gets a number without them.
  return `content-length: ${Number(exchange.req.headers['content-length'])}\r\n`;
}

/** Names listed in `Connection` that are removed for it; null for the usual `keep-alive` and `close`. */
export function nominatedFields(connection: string): Set<string> | null {
  if (connection === 'keep-alive' || connection === 'close' || connection === 'Keep-Alive') return null;
  const names = new Set<string>();
  for (const item of connection.toLowerCase().split(',')) {
    const name = item.trim();
    if (name !== '' && !END_TO_END.has(name)) names.add(name);
  }
  return names.size === 0 ? null : names;
}

/**
 * Trailer fields that may pass in either direction: those that no rule of ours and no recipient decides by, and
 * that no policy removes or sets (`refused`, in lower case).
 */
export function passableTrailers(raw: readonly string[], refused: ReadonlySet<string> | null): string[] {
  const passed: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    // RFC 9110 section 6.5.1: never framing, routing, authentication or content fields.
    if (fieldOf(name) !== Field.OTHER || refused?.has(name.toLowerCase()) === true) continue;
    passed.push(name, raw[i + 1]!);
  }
  return passed;
}

/** `Cache-Control` says that everybody may keep the answer (RFC 9111 section 5.2.2.9). */
export function isPublic(fields: readonly string[]): boolean {
  for (let i = 0; i < fields.length; i += 2) {
    if (fieldOf(fields[i]!) === Field.CACHE_CONTROL && /(^|[\s,])public\b/i.test(fields[i + 1]!)) return true;
  }
  return false;
}

/** The fields of an interim head (1xx) that are meant for the client; `nominated` and `drop` are not. */
export function endToEnd(
  fields: readonly string[],
  nominated: ReadonlySet<string> | null,
  drop: ReadonlySet<string>,
): string[] {
  const passed: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const field = fieldOf(fields[i]!);
    if (field !== Field.OTHER && field !== Field.CONTENT_TYPE && field !== Field.CACHE_CONTROL) continue;
    const name = fields[i]!.toLowerCase();
    if (nominated?.has(name) !== true && !drop.has(name)) passed.push(fields[i]!, fields[i + 1]!);
  }
  return passed;
}
