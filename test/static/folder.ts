// Folders with chosen content for the tests of static/. Each is removed when its test ends.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ResolvedRoot } from '../../src/config/resolved.ts';

/** Makes a folder with these files, by path. */
export function makeFolder(t: TestContext, files: Record<string, string | Buffer> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'parvis-static-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

export function rootAt(path: string, changed: Partial<ResolvedRoot> = {}): ResolvedRoot {
  return { path, sourceMaps: false, immutable: [], index: 'index.html', ...changed };
}

/** Text that compresses well but not to nothing, the same for the same seed. */
export function proseOf(length: number, seed = 1): string {
  const words = [
    'gateway',
    'replica',
    'listener',
    'route',
    'policy',
    'snapshot',
    'worker',
    'upstream',
    'exchange',
  ];
  let state = seed >>> 0;
  let text = '';
  while (text.length < length) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    text += `${words[(state >>> 16) % words.length]}${(state >>> 8) % 100} `;
  }
  return text.slice(0, length);
}
