// Throw-away certificates, made by the openssl program. A test file that uses them says `// needs: openssl`.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Scope, temporaryFolder } from './fixtures.ts';

export interface KeyPair {
  /** PEM */
  key: string;
  /** PEM; it is its own authority, so it can be given as `ca`. */
  cert: string;
  /** Where the certificate is stored until the test ends. */
  certFile: string;
}

/** A self-signed certificate for the given names (`a.test`) and addresses (`127.0.0.1`). */
export async function selfSigned(scope: Scope, ...names: string[]): Promise<KeyPair> {
  const folder = await temporaryFolder(scope);
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const alternatives = names.map((name) => `${/^[\d.]+$|:/.test(name) ? 'IP' : 'DNS'}:${name}`).join(',');
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  args.push('-days', '2', '-subj', '/CN=parvis test', '-addext', `subjectAltName=${alternatives}`);
  await promisify(execFile)('openssl', [...args, '-keyout', keyFile, '-out', certFile]);
  return { key: await readFile(keyFile, 'utf8'), cert: await readFile(certFile, 'utf8'), certFile };
}
