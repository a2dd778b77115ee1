// The `security` policy, compiled: helmet writes its headers once into a list, and the list goes on every
// response of the route. A header the operator named replaces the replica's; a default only fills in.
import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet, { type HelmetOptions } from 'helmet';
import type { ResolvedSecurity } from '../config/resolved.ts';

export interface CompiledSecurity {
  /** Lower-case names that the operator set or turned off: the replica's own are dropped. */
  readonly owned: ReadonlySet<string>;
  /** What the operator named, without Strict-Transport-Security. Names and values, alternating. */
  readonly set: readonly string[];
  /** Strict-Transport-Security for secure exchanges; empty when not configured. */
  readonly hsts: readonly string[];
  readonly defaults: readonly { readonly name: string; readonly value: string }[];
}

const NONE: CompiledSecurity = { owned: new Set(), set: [], hsts: [], defaults: [] };

/** Config key → header name. */
const NAMES = {
  csp: 'content-security-policy',
  cspReportOnly: 'content-security-policy-report-only',
  hsts: 'strict-transport-security',
  frameOptions: 'x-frame-options',
  contentTypeOptions: 'x-content-type-options',
  referrerPolicy: 'referrer-policy',
  xssProtection: 'x-xss-protection',
  permissionsPolicy: 'permissions-policy',
  crossOriginOpenerPolicy: 'cross-origin-opener-policy',
} as const satisfies Record<keyof ResolvedSecurity, string>;

/** Compiles the policy; `false` compiles to nothing. */
export function compileSecurity(security: ResolvedSecurity | false): CompiledSecurity {
  if (security === false) return NONE;
  const owned = new Set<string>();
  const set: string[] = [];
  let hsts: string[] = [];
  const produced = runHelmet(security);
  for (const [key, name] of Object.entries(NAMES) as [keyof ResolvedSecurity, string][]) {
    const wanted = security[key];
    if (wanted === undefined) continue;
    owned.add(name);
    if (wanted === false) continue;
    const value = typeof wanted === 'string' ? wanted : produced.get(name);
    if (value === undefined) throw new Error(`helmet gave no value for ${name}`);
    if (key === 'hsts') hsts = [name, value];
    else set.push(name, value);
  }
  const defaults = [...runHelmet({})]
    .filter(([name]) => !owned.has(name))
    .map(([name, value]) => ({ name, value }));
  return { owned, set, hsts, defaults };
}

/** What helmet would write: the structured values of `security`, and the gateway's defaults. */
function runHelmet(security: ResolvedSecurity): Map<string, string> {
  const { csp, cspReportOnly, hsts } = security;
  const produced = collect({
    ...OFF,
    xFrameOptions: { action: 'sameorigin' },
    xContentTypeOptions: true,
    referrerPolicy: { policy: 'strict-origin-when-cross-origin' },
    xXssProtection: true,
    ...(typeof csp === 'object' && { contentSecurityPolicy: cspOptions(csp) }),
    ...(typeof hsts === 'object' && { strictTransportSecurity: hsts }),
  });
  if (typeof cspReportOnly === 'object') {
    const options = { ...cspOptions(cspReportOnly), reportOnly: true };
    for (const [name, value] of collect({ ...OFF, contentSecurityPolicy: options }))
      produced.set(name, value);
  }
  return produced;
}

/** Just the directives that are written: helmet would add its own, and insists on a default-src. */
function cspOptions(written: Record<string, string[]>) {
  const noDefault = { 'default-src': helmet.contentSecurityPolicy.dangerouslyDisableDefaultSrc as never };
  const directives = 'default-src' in written ? written : { ...noDefault, ...written };
  return { useDefaults: false as const, directives };
}

/** helmet's own defaults are for applications, not for whatever stands behind a gateway: all off first. */
const OFF = {
  contentSecurityPolicy: false,
  crossOriginEmbedderPolicy: false,
  crossOriginOpenerPolicy: false,
  crossOriginResourcePolicy: false,
  originAgentCluster: false,
  referrerPolicy: false,
  strictTransportSecurity: false,
  xContentTypeOptions: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xFrameOptions: false,
  xPermittedCrossDomainPolicies: false,
  xPoweredBy: false,
  xXssProtection: false,
} as const satisfies HelmetOptions;

function collect(options: HelmetOptions): Map<string, string> {
  const headers = new Map<string, string>();
  const response = {
    setHeader: (name: string, value: string | number | readonly string[]): void => {
      headers.set(name.toLowerCase(), String(value));
    },
    removeHeader: (): void => {},
  };
  let failure: unknown;
  helmet(options)({} as IncomingMessage, response as unknown as ServerResponse, (error?: unknown) => {
    failure = error;
  });
  if (failure !== undefined) throw failure;
  return headers;
}
