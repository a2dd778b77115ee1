// Turns a resolved policy set into the two plans that the data path applies, in the fixed order of the design:
// security, headers, cache, compress. Runs once per distinct set and snapshot.
import type { ResolvedPolicies } from '../config/resolved.ts';
import type { RequestPlan, ResponsePlan } from '../proxy/plans.ts';
import { compileRequestHeaders } from './headers.ts';
import { Maintenance } from './maintenance.ts';
import { compileSecurity } from './security.ts';

const HSTS = 'strict-transport-security';

export interface CompiledPolicies {
  readonly request: RequestPlan;
  readonly response: ResponsePlan;
  readonly timeouts: ResolvedPolicies['timeouts'];
  readonly hold: ResolvedPolicies['hold'];
  readonly retry: ResolvedPolicies['retry'];
  /** null where the route serves as always. */
  readonly maintenance: Maintenance | null;
}

export function compilePolicies(policies: ResolvedPolicies): CompiledPolicies {
  const security = compileSecurity(policies.security);
  const set: string[] = [];
  const named = new Set(policies.headers.responseSet.map(([name]) => name.toLowerCase()));
  const removed = new Set(policies.headers.responseRemove);
  const dropSecure = new Set([...security.owned, ...removed, ...named]);
  // RFC 6797 section 7.2: never over plain HTTP. Without a security policy it is the replica's own affair.
  const drop = policies.security === false ? dropSecure : new Set([...dropSecure, HSTS]);
  // `headers` comes after `security`, so it has the last word on a name that both speak of.
  const isLeft = (name: string): boolean => !named.has(name) && !removed.has(name);
  for (let i = 0; i < security.set.length; i += 2) {
    if (isLeft(security.set[i]!)) set.push(security.set[i]!, security.set[i + 1]!);
  }
  let hsts = isLeft(HSTS) ? security.hsts : [];
  for (const [name, value] of policies.headers.responseSet) {
    if (name.toLowerCase() === HSTS) hsts = [HSTS, value];
    else set.push(name.toLowerCase(), value);
  }
  const defaults = security.defaults.filter(({ name }) => isLeft(name));
  const setSecure = [...set, ...hsts];
  return {
    request: compileRequestHeaders(policies.headers),
    response: {
      drop,
      dropSecure,
      set,
      setSecure,
      defaults,
      cache: policies.cache,
      compress: policies.compress === false ? null : policies.compress,
    },
    timeouts: policies.timeouts,
    hold: policies.hold,
    retry: policies.retry,
    maintenance: policies.maintenance === null ? null : new Maintenance(policies.maintenance),
  };
}
