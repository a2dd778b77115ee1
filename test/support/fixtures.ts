// Temporary folders for tests, removed when the test ends, and the one type through which everything in
// `support/` ties its cleaning up to a test.

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** A test context, or anything else that runs functions when it is over (`{ after }` of `node:test` in a suite). */
export interface Scope {
  after(clean: () => void | Promise<void>): void;
}

/** Makes a folder with the given files (path below it → content). It is gone when the test ends. */
export async function temporaryFolder(
  scope: Scope,
  files: Record<string, string | Uint8Array> = {},
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'parvis-test-'));
  scope.after(() => rm(folder, { recursive: true, force: true }));
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
  return folder;
}
