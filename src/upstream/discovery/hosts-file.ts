// The names in the system's hosts file, where Compose writes `extra_hosts`. c-ares, which asks DNS for Node, does not
// read it, and getaddrinfo, which does, needs one of the few threads that also read files.
import { readFile, stat } from 'node:fs/promises';
import { isIP, isIPv6, SocketAddress } from 'node:net';
import { processLog } from '../../observe/process-log.ts';

export class HostsFile {
  readonly #path: string;
  /** Of the content that was read: time of change, size and inode. */
  #version = '';
  #names = new Map<string, string[]>();
  #unreadable = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** The addresses that the file gives a name (lower case), in the file's order; undefined where it names none. */
  async find(name: string): Promise<string[] | undefined> {
    await this.#refresh();
    return this.#names.get(name);
  }

  /** Docker writes the file again when a container joins a network. A file that vanished names nobody. */
  async #refresh(): Promise<void> {
    try {
      const { mtimeMs, size, ino } = await stat(this.#path);
      const version = `${mtimeMs} ${size} ${ino}`;
      if (version === this.#version) return;
      this.#names = parse(await readFile(this.#path, 'utf8'));
      this.#version = version;
      this.#unreadable = false;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      this.#names = new Map();
      this.#version = '';
      if (code !== 'ENOENT' && !this.#unreadable) {
        this.#unreadable = true;
        processLog.warn('the hosts file cannot be read', { file: this.#path, detail: message });
      }
    }
  }
}

/** hosts(5): an address, blanks, names; `#` begins a comment. A name may stand in several lines. */
function parse(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [written, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    // An address with a zone is bound to an interface; nothing can be told from here about which.
    if (written === undefined || isIP(written) === 0 || written.includes('%')) continue;
    // As DNS answers write it, so that equal addresses are equal texts.
    const address = isIPv6(written)
      ? new SocketAddress({ address: written, family: 'ipv6' }).address
      : written;
    for (const name of names) {
      const key = name.toLowerCase();
      const addresses = found.get(key);
      if (addresses === undefined) found.set(key, [address]);
      else addresses.push(address);
    }
  }
  return found;
}
