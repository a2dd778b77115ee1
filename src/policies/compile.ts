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
  const drop = new Set([...security.owned, ...policies.headers.responseRemove, ...named]);
  // `headers` comes after `security`, so it has the last word on a name that both set.
  for (let i = 0; i < security.set.length; i += 2) {
    if (!named.has(security.set[i]!)) set.push(security.set[i]!, security.set[i + 1]!);
  }
  for (const [name, value] of policies.headers.responseSet) set.push(name.toLowerCase(), value);
  const removed = new Set(policies.headers.responseRemove);
  const defaults = security.defaults.filter(({ name }) => !named.has(name) && !removed.has(name));
  const setSecure = named.has('strict-transport-security') ? set : [...set, ...security.hsts];
  const filled = defaults.flatMap(({ name, value }) => [name, value]);
  return {
    request: compileRequestHeaders(policies.headers),
    response: {
      drop,
      set,
      setSecure,
      defaults,
      own: [...set, ...filled],
      ownSecure: [...setSecure, ...filled],
      cache: policies.cache,
      compress: policies.compress === false ? null : policies.compress,
    },
    timeouts: policies.timeouts,
  };
}
