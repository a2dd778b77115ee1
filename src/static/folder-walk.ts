// Finds the files of a folder that may be served: regular files inside the root, reached without leaving it, and not
// hidden. It reads names and kinds, never content.

import type { Dirent, Stats } from 'node:fs';
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { hasDotSegment, isHiddenPath } from './cache-rules.ts';

export interface FoundFile {
  /** URL path below the root, decoded. */
  readonly path: string;
  /** Absolute, without symlinks. */
  readonly absolute: string;
  readonly size: number;
  readonly mtimeMs: number;
}

/** Something that is not served, or not as found, and why. `path` is the URL path it would have had. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

export interface Walk {
  /** The root without symlinks. */
  readonly root: string;
  readonly files: readonly FoundFile[];
  readonly skipped: readonly Skipped[];
}

/**
 * Walks `root`. A symlink counts as what it points at if that lies inside the root, and is skipped otherwise; what is
 * hidden is judged by the name it is asked for, not by the target's (Kubernetes mounts link to `..data/`). A hard link
 * is the file itself: nothing tells it apart. Throws what the file system throws for the root folder itself.
 */
export async function walkFolder(root: string, options: { readonly sourceMaps: boolean }): Promise<Walk> {
  const real = await realpath(root);
  const files: FoundFile[] = [];
  const skipped: Skipped[] = [];
  // A stack instead of recursion: depth is the visitor's folder's, not ours. `above` stops loops of symlinks.
  const open: { path: string; absolute: string; above: readonly string[] }[] = [
    { path: '', absolute: real, above: [] },
  ];
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    let entries: Dirent[];
    try {
      entries = await readdir(folder.absolute, { withFileTypes: true });
    } catch (error) {
      if (folder.path === '') throw error;
      skipped.push({ path: folder.path, reason: `cannot be read: ${codeOf(error)}` });
      continue;
    }
    for (const entry of entries) {
      const path = `${folder.path}/${entry.name}`;
      if (hasDotSegment(path)) continue;
      const kind = await identify(join(folder.absolute, entry.name), real);
      if ('reason' in kind) {
        skipped.push({ path, reason: kind.reason });
      } else if (kind.stats.isFile()) {
        if (isHiddenPath(path, options)) continue;
        files.push({ path, absolute: kind.absolute, size: kind.stats.size, mtimeMs: kind.stats.mtimeMs });
      } else if (folder.above.includes(kind.absolute) || kind.absolute === folder.absolute) {
        skipped.push({ path, reason: 'symlink to a folder above it' });
      } else {
        open.push({ path, absolute: kind.absolute, above: [...folder.above, folder.absolute] });
      }
    }
  }
  return { root: real, files, skipped };
}

type Kind = { readonly absolute: string; readonly stats: Stats } | { readonly reason: string };

async function identify(absolute: string, root: string): Promise<Kind> {
  try {
    const own = await lstat(absolute);
    if (!own.isSymbolicLink()) return refuseSpecial(absolute, own);
    const target = await realpath(absolute);
    if (target !== root && !target.startsWith(root.endsWith(sep) ? root : root + sep)) {
      return { reason: 'symlink to something outside the folder' };
    }
    return refuseSpecial(target, await stat(target));
  } catch (error) {
    return { reason: `cannot be read: ${codeOf(error)}` };
  }
}

function refuseSpecial(absolute: string, stats: Stats): Kind {
  if (stats.isFile() || stats.isDirectory()) return { absolute, stats };
  return { reason: 'not a regular file' };
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}
