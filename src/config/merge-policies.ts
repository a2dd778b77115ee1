// The policies of a route over those of its host, as written: the route's field wins. Takes only what the schema has
// passed.
import type { HeadersConfig, HoldConfig, MaintenanceConfig, PolicyConfig } from './contract-policies.ts';
import type { Duration } from './units.ts';

/**
 * The route's field wins. `security`, `timeouts`, `maintenance`, `hold`, `retry` and `headers.*.set` are merged field
 * by field; lists, `cache` and `compress` replace.
 */
export function mergePolicies(host: PolicyConfig, route: PolicyConfig): PolicyConfig {
  const merged: PolicyConfig = { ...host, ...route };
  if (host.security && route.security) merged.security = { ...host.security, ...defined(route.security) };
  if (host.timeouts && route.timeouts) merged.timeouts = { ...host.timeouts, ...defined(route.timeouts) };
  if (host.retry && route.retry) merged.retry = { ...host.retry, ...defined(route.retry) };
  if (host.maintenance && route.maintenance) {
    merged.maintenance = {
      ...maintenanceForm(host.maintenance),
      ...defined(maintenanceForm(route.maintenance)),
    };
  }
  if (host.hold && route.hold) merged.hold = { ...holdForm(host.hold), ...defined(holdForm(route.hold)) };
  if (host.headers && route.headers) {
    merged.headers = {
      request: mergeHeaders(host.headers.request, route.headers.request),
      response: mergeHeaders(host.headers.response, route.headers.response),
    };
  }
  return merged;
}

/** The object that `true` stands for. */
export function maintenanceForm(value: MaintenanceConfig | true): MaintenanceConfig {
  return value === true ? {} : value;
}

/** The object that a duration stands for. */
export function holdForm(value: HoldConfig | Duration): HoldConfig {
  return typeof value === 'string' ? { for: value } : value;
}

type HeaderPolicy = NonNullable<HeadersConfig['request']>;

function mergeHeaders(host: HeaderPolicy = {}, route: HeaderPolicy = {}): HeaderPolicy {
  const set = new Map<string, [name: string, value: string]>();
  for (const header of Object.entries(host.set ?? {})) set.set(header[0].toLowerCase(), header);
  // What the route removes is no longer set, and what it sets is no longer removed.
  for (const name of route.remove ?? []) set.delete(name.toLowerCase());
  for (const header of Object.entries(route.set ?? {})) set.set(header[0].toLowerCase(), header);
  const remove = route.remove ?? host.remove?.filter((name) => !set.has(name.toLowerCase()));
  return { set: Object.fromEntries(set.values()), remove };
}

/** Without the fields that are there and say nothing. */
export function defined<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}
