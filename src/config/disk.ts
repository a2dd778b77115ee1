// What a configuration refers to on disk: folders to serve, certificates to trust, pages to answer with. Looks each
// thing up once; reads nothing else and changes nothing.
import { X509Certificate } from 'node:crypto';
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';

const LARGEST_PAGE = 1024 * 1024;

export class Disk {
  readonly #baseDir: string;
  readonly #folders = new Map<string, string | undefined>();
  readonly #certificates = new Map<string, { pem: string } | { problem: string }>();
  readonly #pages = new Map<string, { html: string } | { problem: string }>();

  /** @param baseDir folder of the config file; relative paths start there */
  constructor(baseDir: string) {
    this.#baseDir = baseDir;
  }

  absolute(path: string): string {
    return resolve(this.#baseDir, path);
  }

  /** What keeps this folder from being served, or undefined. */
  folderProblem(path: string): string | undefined {
    const absolute = this.absolute(path);
    if (!this.#folders.has(absolute)) this.#folders.set(absolute, lookAtFolder(path, absolute));
    return this.#folders.get(absolute);
  }

  /** True when `name` is a file in the folder. */
  holdsFile(folder: string, name: string): boolean {
    return statSync(resolve(this.absolute(folder), name), { throwIfNoEntry: false })?.isFile() ?? false;
  }

  /** The certificates (PEM) in a file. Unreadable ones are a problem, never an empty list of authorities. */
  certificates(path: string): { pem: string } | { problem: string } {
    const absolute = this.absolute(path);
    let result = this.#certificates.get(absolute);
    if (result === undefined) {
      result = readCertificates(path, absolute);
      this.#certificates.set(absolute, result);
    }
    return result;
  }

  /** The text of an HTML file. */
  page(path: string): { html: string } | { problem: string } {
    const absolute = this.absolute(path);
    let result = this.#pages.get(absolute);
    if (result === undefined) {
      result = readPage(path, absolute);
      this.#pages.set(absolute, result);
    }
    return result;
  }
}

function lookAtFolder(path: string, absolute: string): string | undefined {
  const shown = shownPath(path, absolute);
  try {
    if (!statSync(absolute).isDirectory()) return `${shown} is not a folder`;
    accessSync(absolute, constants.R_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return `${shown} ${reason(error)}`;
  }
}

function readCertificates(path: string, absolute: string): { pem: string } | { problem: string } {
  const shown = shownPath(path, absolute);
  let pem: string;
  try {
    pem = readFileSync(absolute, 'latin1');
  } catch (error) {
    return { problem: `${shown} ${reason(error)}` };
  }
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) return { problem: `${shown} holds no certificate in PEM form` };
  for (const [index, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch {
      return { problem: `${shown}: certificate ${index + 1} cannot be read` };
    }
  }
  return { pem: `${blocks.join('\n')}\n` };
}

function readPage(path: string, absolute: string): { html: string } | { problem: string } {
  const shown = shownPath(path, absolute);
  try {
    // Looked at first: what is named here by mistake may be gigabytes, or a pipe that never ends.
    const file = statSync(absolute);
    if (!file.isFile()) return { problem: `${shown} is not a file` };
    if (file.size > LARGEST_PAGE) return { problem: `${shown} has ${file.size} bytes; a page may have 1 MB` };
    const html = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(absolute));
    return html.trim() === '' ? { problem: `${shown} is empty` } : { html };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const wrong = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'is not UTF-8' : reason(error);
    return { problem: `${shown} ${wrong}` };
  }
}

/** As written, and where that is. */
function shownPath(path: string, absolute: string): string {
  return path === absolute ? `"${path}"` : `"${path}" (${absolute})`;
}

/** A system error as words. */
export function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'cannot be read (no permission)';
  if (code === 'EISDIR') return 'is a folder, not a file';
  return `cannot be read (${code ?? String(error)})`;
}
