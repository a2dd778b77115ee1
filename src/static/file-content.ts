// Reads one file of a folder: its content hash, and its bytes where they are kept. Knows no URL rules and no budget.

import { createHash, hash } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { FoundFile, Skipped } from './folder-walk.ts';

export interface FileContent {
  readonly size: number;
  readonly mtimeMs: number;
  readonly inode: number;
  readonly etag: string;
  /** null where only the hash was wanted. */
  readonly bytes: Buffer | null;
}

const CHUNK = 256 * 1024;
// Between the walk and here the name may have become something else: no symlink is followed, no FIFO waited for.
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** A strong ETag of some bytes: 132 bits of their SHA-256, with what tells variants apart behind it. */
export function etagOf(bytes: Uint8Array, suffix = ''): string {
  return quote(hash('sha256', bytes, 'base64url'), suffix);
}

function quote(digest: string, suffix: string): string {
  return `"${digest.slice(0, 22)}${suffix}"`;
}

/**
 * Reads a file, tied to one open file so that size, time and content belong together. A file that changes meanwhile
 * is read again, and given up after three times.
 */
export async function readContent(found: FoundFile, keep: boolean): Promise<FileContent | Skipped> {
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      const content = await readOnce(found.absolute, keep);
      if (content === 'not a file') return { path: found.path, reason: 'not a regular file' };
      if (content !== 'changed') return content;
    }
    return { path: found.path, reason: 'changed while it was read' };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === undefined) throw error;
    return { path: found.path, reason: `cannot be read: ${code}` };
  }
}

async function readOnce(path: string, keep: boolean): Promise<FileContent | 'changed' | 'not a file'> {
  const file = await open(path, FLAGS);
  try {
    const before = await file.stat();
    if (!before.isFile()) return 'not a file';
    const read = keep ? await readWhole(file, before.size) : await hashStream(file, before.size);
    if (read === null || differ(before, await file.stat())) return 'changed';
    return { size: before.size, mtimeMs: before.mtimeMs, inode: before.ino, ...read };
  } finally {
    await file.close();
  }
}

function differ(a: Stats, b: Stats): boolean {
  return a.size !== b.size || a.mtimeMs !== b.mtimeMs || a.ctimeMs !== b.ctimeMs;
}

type Read = { readonly etag: string; readonly bytes: Buffer | null } | null;

async function readWhole(file: FileHandle, size: number): Promise<Read> {
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  while (at < size) {
    const { bytesRead } = await file.read(bytes, at, size - at, at);
    if (bytesRead === 0) return null;
    at += bytesRead;
  }
  return { etag: etagOf(bytes), bytes };
}

async function hashStream(file: FileHandle, size: number): Promise<Read> {
  const sha = createHash('sha256');
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK, Math.max(1, size)));
  let at = 0;
  while (at < size) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, size - at), at);
    if (bytesRead === 0) return null;
    sha.update(bytesRead === chunk.length ? chunk : chunk.subarray(0, bytesRead));
    at += bytesRead;
  }
  return { etag: quote(sha.digest('base64url'), ''), bytes: null };
}
