// Turns a resolved policy set into the two plans that the data path applies, in the fixed order of the design:
// security, headers, cache, compress. Runs once per distinct set and snapshot.
import type { ResolvedPolicies } from '../config/resolved.ts';
import type { RequestPlan, ResponsePlan } from '../proxy/plans.ts';
import { compileRequestHeaders } from './headers.ts';
import { compileSecurity } from './security.ts';

export interface CompiledPolicies {
  readonly request: RequestPlan;
  readonly response: ResponsePlan;
  readonly timeouts: ResolvedPolicies['timeouts'];
}

export function compilePolicies(policies: ResolvedPolicies): CompiledPolicies {
  const security = compileSecurity(policies.security);
  const set: string[] = [];
  const named = new Set(policies.headers.responseSet.map(([name]) => name.toLowerCase()));
  const dropSecure = new Set([...security.owned, ...policies.headers.responseRemove, ...named]);
  // RFC 6797 section 7.2: never over plain HTTP. Without a security policy it is the replica's own affair.
  const drop =
    policies.security === false ? dropSecure : new Set([...dropSecure, 'strict-transport-security']);
  // `headers` comes after `security`, so it has the last word on a name that both set.
  for (let i = 0; i < security.set.length; i += 2) {
    if (!named.has(security.set[i]!)) set.push(security.set[i]!, security.set[i + 1]!);
  }
  for (const [name, value] of policies.headers.responseSet) set.push(name.toLowerCase(), value);
  const removed = new Set(policies.headers.responseRemove);
  const defaults = security.defaults.filter(({ name }) => !named.has(name) && !removed.has(name));
  const setSecure = named.has('strict-transport-security') ? set : [...set, ...security.hsts];
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
  };
}
