// What a peer is: how to see its version, what it can serve and how to start it.

import { spawnSync } from 'node:child_process';
import type { Scenario } from '../scenarios.ts';
import type { Site } from '../site.ts';

export interface Place {
  port: number;
  originPort: number;
  site: Site;
  /** A folder of its own for configuration and temporary files. */
  folder: string;
  scenario: Scenario;
  /** Where to write a CPU profile, if one is wanted. */
  profileFolder: string | null;
}

export interface Launch {
  command: string[];
  env?: Record<string, string>;
}

export interface Peer {
  name: string;
  serves: Scenario['kind'][];
  /** Its version, or null where it is not installed. */
  version(): string | null;
  /** Writes what it needs into the folder and says how to start it, in the foreground. */
  launch(place: Place): Launch;
}

/** The same on every answer of every peer, so that the work is equal. Parvis sends them by default. */
export const SECURITY_HEADERS = {
  'X-Frame-Options': 'SAMEORIGIN',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'strict-origin-when-cross-origin',
} as const;

export const IMMUTABLE = 'public, max-age=31536000, immutable';
export const REVALIDATED_ALWAYS = 'no-cache, no-store, must-revalidate';

/** The first version number a program prints, or null where the program is not there. */
export function printedVersion(command: string, ...args: string[]): string | null {
  const result = spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 });
  if (result.error) {
    if ((result.error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw result.error;
  }
  return /\d+\.\d+(\.\d+)?/.exec(result.stdout + result.stderr)?.[0] ?? 'unknown';
}
