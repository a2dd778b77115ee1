// Which header field is this? One lookup that turns a field name, in whatever case it was sent, into a
// small number, so that the gate and the forwarder decide by comparing integers. Knows names, not rules.

/** Fields that some rule of ours treats specially. Everything else is `Field.OTHER`. */
export const Field = {
  OTHER: 0,
  /** A name that no replica may see: not `[A-Za-z0-9-]+`, so CGI and PHP would read it as another field. */
  ALIAS: 1,
  HOST: 2,
  CONTENT_LENGTH: 3,
  TRANSFER_ENCODING: 4,
  EXPECT: 5,
  CONNECTION: 6,
  /** Hop-by-hop by definition (RFC 9110 section 7.6.1): Keep-Alive, Proxy-Connection, TE, Trailer, Upgrade … */
  HOP_BY_HOP: 7,
  /** Says who the client is or where it came from; rebuilt by us and never believed. */
  FORWARDED: 8,
  X_FORWARDED_FOR: 9,
  X_FORWARDED_PROTO: 10,
  X_FORWARDED_HOST: 11,
  X_FORWARDED_PORT: 12,
  VIA: 13,
  MAX_FORWARDS: 14,
  ACCEPT: 15,
  ACCEPT_ENCODING: 16,
  AUTHORIZATION: 17,
  COOKIE: 18,
  RANGE: 19,
  /** If-None-Match, If-Modified-Since, If-Match, If-Unmodified-Since, If-Range. */
  CONDITIONAL: 20,
  // Fields of responses.
  CONTENT_TYPE: 30,
  CONTENT_ENCODING: 31,
  CONTENT_RANGE: 32,
  CACHE_CONTROL: 33,
  ETAG: 34,
  VARY: 35,
  SET_COOKIE: 36,
  DATE: 37,
  LAST_MODIFIED: 38,
  TE: 39,
  TRAILER: 40,
  KEEP_ALIVE: 41,
  UPGRADE: 42,
} as const;
export type Field = (typeof Field)[keyof typeof Field];

const known: Record<string, Field> = {
  host: Field.HOST,
  'content-length': Field.CONTENT_LENGTH,
  'transfer-encoding': Field.TRANSFER_ENCODING,
  expect: Field.EXPECT,
  connection: Field.CONNECTION,
  'keep-alive': Field.KEEP_ALIVE,
  'proxy-connection': Field.HOP_BY_HOP,
  'proxy-authenticate': Field.HOP_BY_HOP,
  'proxy-authorization': Field.HOP_BY_HOP,
  'proxy-authentication-info': Field.HOP_BY_HOP,
  te: Field.TE,
  trailer: Field.TRAILER,
  upgrade: Field.UPGRADE,
  'http2-settings': Field.HOP_BY_HOP,
  // "httpoxy": CGI turns `Proxy` into HTTP_PROXY (CVE-2016-5385).
  proxy: Field.HOP_BY_HOP,
  forwarded: Field.FORWARDED,
  'x-forwarded': Field.FORWARDED,
  'x-forwarded-by': Field.FORWARDED,
  'x-forwarded-server': Field.FORWARDED,
  'x-forwarded-prefix': Field.FORWARDED,
  'x-forwarded-path': Field.FORWARDED,
  'x-forwarded-uri': Field.FORWARDED,
  'x-forwarded-method': Field.FORWARDED,
  'x-forwarded-scheme': Field.FORWARDED,
  'x-forwarded-protocol': Field.FORWARDED,
  'x-forwarded-ssl': Field.FORWARDED,
  'x-url-scheme': Field.FORWARDED,
  'x-scheme': Field.FORWARDED,
  'front-end-https': Field.FORWARDED,
  'x-real-ip': Field.FORWARDED,
  'x-client-ip': Field.FORWARDED,
  'x-cluster-client-ip': Field.FORWARDED,
  'x-original-forwarded-for': Field.FORWARDED,
  'x-original-host': Field.FORWARDED,
  'x-original-url': Field.FORWARDED,
  'x-rewrite-url': Field.FORWARDED,
  'x-host': Field.FORWARDED,
  'client-ip': Field.FORWARDED,
  'true-client-ip': Field.FORWARDED,
  'cf-connecting-ip': Field.FORWARDED,
  'cf-connecting-ipv6': Field.FORWARDED,
  'fastly-client-ip': Field.FORWARDED,
  'x-forwarded-for': Field.X_FORWARDED_FOR,
  'x-forwarded-proto': Field.X_FORWARDED_PROTO,
  'x-forwarded-host': Field.X_FORWARDED_HOST,
  'x-forwarded-port': Field.X_FORWARDED_PORT,
  via: Field.VIA,
  'max-forwards': Field.MAX_FORWARDS,
  accept: Field.ACCEPT,
  'accept-encoding': Field.ACCEPT_ENCODING,
  authorization: Field.AUTHORIZATION,
  cookie: Field.COOKIE,
  range: Field.RANGE,
  'if-none-match': Field.CONDITIONAL,
  'if-modified-since': Field.CONDITIONAL,
  'if-match': Field.CONDITIONAL,
  'if-unmodified-since': Field.CONDITIONAL,
  'if-range': Field.CONDITIONAL,
  'content-type': Field.CONTENT_TYPE,
  'content-encoding': Field.CONTENT_ENCODING,
  'content-range': Field.CONTENT_RANGE,
  'cache-control': Field.CACHE_CONTROL,
  etag: Field.ETAG,
  vary: Field.VARY,
  'set-cookie': Field.SET_COOKIE,
  date: Field.DATE,
  'last-modified': Field.LAST_MODIFIED,
};

// Common fields without a rule are listed too: an entry found by the name as sent saves lower-casing it.
const common = [
  'user-agent accept-language referer origin content-type cache-control pragma dnt priority',
  'sec-fetch-site sec-fetch-mode sec-fetch-dest sec-fetch-user sec-ch-ua sec-ch-ua-mobile',
  'sec-ch-ua-platform upgrade-insecure-requests x-requested-with server x-powered-by',
  'accept-ranges age allow link location expires content-disposition content-language',
  'access-control-allow-origin strict-transport-security x-content-type-options x-frame-options',
  'content-security-policy referrer-policy x-xss-protection x-request-id',
]
  .join(' ')
  .split(' ');

const byName = new Map<string, Field>();
const lower = new Map<string, string>();
for (const name of [...Object.keys(known), ...common]) {
  const field = known[name] ?? Field.OTHER;
  const canonical = name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
  for (const spelling of [name, canonical, name.toUpperCase()]) {
    byName.set(spelling, field);
    lower.set(spelling, name);
  }
}
byName.set('ETag', Field.ETAG);
byName.set('TE', Field.TE);

/** The field a name stands for, whatever its case. Constant time for names in common spellings. */
export function fieldOf(name: string): Field {
  return byName.get(name) ?? classifyRare(name);
}

/** The name in lower case; a look-up for common names in common spellings. */
export function lowerName(name: string): string {
  return lower.get(name) ?? name.toLowerCase();
}

function classifyRare(name: string): Field {
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i) | 0x20;
    const plain = (c >= 0x61 && c <= 0x7a) || isDigitOrDash(name.charCodeAt(i));
    if (!plain) return Field.ALIAS;
  }
  return byName.get(name.toLowerCase()) ?? Field.OTHER;
}

function isDigitOrDash(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2d;
}
