// `start --local`, which `npm start` runs: a table of what answers where that tells the truth, stand-ins only for
// upstreams that do not answer, and nothing left behind.

import assert from 'node:assert/strict';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import type { Scope } from '../support/fixtures.ts';
import { type GatewayProcess, PROJECT, startGateway } from '../support/gateway-process.ts';
import { ask, NAVIGATION, type Reply } from '../support/plain-request.ts';
import { answer, startReplica } from '../support/recording-replica.ts';

interface Row {
  host: string;
  /** The pattern: `/api/*`, `/docs`. */
  path: string;
  answers: string;
}

/** A config of the repository, some of its upstreams replaced. */
function variant(file: string, replicas: Record<string, string> = {}): string {
  const upstreams = Object.entries(replicas).map(([name, url]) => `${name}: { replicas: ['${url}'] }`);
  return `import base from '${pathToFileURL(join(PROJECT, file)).href}';
export default { ...base, upstreams: { ...base.upstreams, ${upstreams.join(', ')} } };`;
}

async function startLocal(scope: Scope, config: string): Promise<{ gateway: GatewayProcess; rows: Row[] }> {
  const gateway = await startGateway(scope, config, { args: ['--local'] });
  assert.match(
    gateway.stdout,
    /^\nParvis serves\n\n {2}http:[\s\S]*\n\nType "list" to [^\n]*\nStop with Ctrl-C\.\n\n/,
  );
  const rows: Row[] = [];
  for (const [, host, port, path, answers] of gateway.stdout.matchAll(
    /^ {2}http:\/\/([^:/]+):(\d+)(\S*) +(.+)$/gm,
  )) {
    assert.equal(Number(port), gateway.port);
    rows.push({ host: host!, path: path!, answers: answers! });
  }
  return { gateway, rows };
}

/** Asks for a path below the row's pattern, as a browser that follows a link. */
function visit(gateway: GatewayProcess, row: Row, rest = ''): Promise<Reply> {
  const host = `${row.host}:${gateway.port}`;
  return ask(gateway.port, row.path.replace('*', rest), { host, headers: { Accept: NAVIGATION } });
}

/** Checks that what the table says of a row is what answers. */
async function checkRow(gateway: GatewayProcess, row: Row): Promise<void> {
  const { answers } = row;
  if (answers.startsWith('redirect to ')) {
    const reply = await visit(gateway, row, 'x?y=1');
    assert.equal(reply.status, 308);
    assert.equal(
      reply.header('location'),
      `http://${answers.slice('redirect to '.length)}:${gateway.port}/x?y=1`,
    );
    return;
  }
  const [, name, kind] = /^(?:proxy to|SPA from) ([\w-]+): stand-in, (.*)$/.exec(answers) ?? [];
  assert.ok(name !== undefined && kind !== undefined, answers);
  if (kind.endsWith('API that names itself')) {
    const count = Number(/^(\d+) × /.exec(kind)?.[1] ?? 1);
    const seen = new Set<unknown>();
    // Each worker begins its turns at a replica of its own: this many requests meet all of them.
    for (let i = 0; i < count * 8; i++) {
      const reply = await visit(gateway, row, 'orders');
      assert.equal(reply.status, 200);
      assert.equal(reply.header('content-type'), 'application/json; charset=utf-8');
      seen.add((JSON.parse(reply.text) as { replica: string }).replica);
    }
    const expected = Array.from({ length: count }, (_, i) => `${name}-${i + 1}`);
    assert.deepEqual([...seen].sort(), expected);
  } else if (kind.startsWith('sample SPA build')) {
    const start = await visit(gateway, row);
    const deep = await visit(gateway, row, 'some/page');
    for (const reply of [start, deep]) {
      assert.equal(reply.status, 200);
      assert.match(reply.text, /<div id="root">|<!doctype html>/i);
      assert.equal(reply.header('cache-control'), 'no-cache, no-store, must-revalidate');
    }
    assert.equal(deep.text, start.text);
    const asset = /(?:src|href)="(\/assets\/[^"]+\.js)"/.exec(start.text)?.[1];
    assert.ok(asset !== undefined, start.text);
    const script = await ask(gateway.port, asset, { host: row.host });
    assert.equal(script.status, 200);
    assert.equal(script.header('cache-control'), 'public, max-age=31536000, immutable');
    assert.equal((await ask(gateway.port, '/assets/missing.js', { host: row.host })).status, 404);
  } else {
    assert.equal(kind, 'page that names itself');
    const reply = await visit(gateway, row);
    assert.equal(reply.status, 200);
    assert.match(reply.header('content-type')!, /^text\/html/);
    assert.ok(reply.text.includes(name), `the page does not name ${name}`);
  }
}

/** Ports of 127.0.0.1 on which the process listens. */
async function listeningPorts(pid: number): Promise<Set<number>> {
  const own = new Set<string | undefined>();
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    // A descriptor may be closed between the listing and the look.
    const link = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
    own.add(/^socket:\[(\d+)\]$/.exec(link)?.[1]);
  }
  const ports = new Set<number>();
  for (const line of (await readFile(`/proc/${pid}/net/tcp`, 'utf8')).trim().split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    // State 0A is LISTEN; field 9 is the inode.
    if (fields[3] === '0A' && own.has(fields[9])) ports.add(Number.parseInt(fields[1]!.split(':')[1]!, 16));
  }
  return ports;
}

function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', () => resolve(true));
  });
}

async function stopAndCheck(gateway: GatewayProcess, standIns: number): Promise<void> {
  const ports = await listeningPorts(gateway.pid);
  assert.ok(ports.has(gateway.port));
  assert.equal(ports.size, standIns + 1);
  assert.deepEqual(await gateway.stop(), { code: 0, signal: null });
  for (const port of ports) assert.ok(await isRefused(port), `somebody still listens on ${port}`);
}

suite('start --local', { concurrency: 2 }, () => {
  test('with the Lumira stack: every line of the table is true', async (t) => {
    const { gateway, rows } = await startLocal(t, variant('routes.config.ts'));
    assert.deepEqual(
      rows.map(({ host, path, answers }) => `${host}${path} ${answers}`),
      [
        'oraclelumira.localhost/api/* proxy to api: stand-in, 3 × API that names itself',
        'oraclelumira.localhost/* SPA from main: stand-in, sample SPA build (main)',
        'www.oraclelumira.localhost/* redirect to oraclelumira.localhost',
        'desk.oraclelumira.localhost/api/* proxy to api: stand-in, 3 × API that names itself',
        'desk.oraclelumira.localhost/* SPA from desk: stand-in, sample SPA build (desk)',
        'crm.oraclelumira.localhost/* proxy to crm: stand-in, page that names itself',
      ],
    );
    for (const row of rows) await checkRow(gateway, row);
    // The name of the config is not one of this machine.
    assert.equal((await ask(gateway.port, '/', { host: 'oraclelumira.com' })).status, 404);
    await stopAndCheck(gateway, 3 + 3);
  });

  test("with the Orchestr'A stack: every line of the table is true", async (t) => {
    const { gateway, rows } = await startLocal(t, variant('examples/orchestra.routes.config.ts'));
    assert.deepEqual(
      rows.map(({ host, path, answers }) => `${host}${path} ${answers}`),
      [
        'orchestra.example.localhost/api/* proxy to backend: stand-in, API that names itself',
        'orchestra.example.localhost/* SPA from frontend: stand-in, sample SPA build (main)',
        'minio.orchestra.example.localhost/* proxy to minio-console: stand-in, page that names itself',
        'files.orchestra.example.localhost/* proxy to minio-api: stand-in, page that names itself',
      ],
    );
    for (const row of rows) await checkRow(gateway, row);
    await stopAndCheck(gateway, 4);
  });

  test('starts no stand-in for an upstream that answers', async (t) => {
    const crm = await startReplica(t, answer('the real one'));
    const { gateway, rows } = await startLocal(t, variant('routes.config.ts', { crm: crm.url }));
    const row = rows.find(({ host }) => host === 'crm.oraclelumira.localhost')!;
    assert.equal(row.answers, `proxy to crm: ${crm.url}`);
    assert.equal((await visit(gateway, row)).text, 'the real one');
    await stopAndCheck(gateway, 3 + 2);
    assert.ok(!(await isRefused(Number(new URL(crm.url).port))), 'what is not ours goes on');
  });

  test('listens on 127.0.0.1 alone, whatever the config says', async (t) => {
    const { gateway } = await startLocal(t, variant('routes.config.ts'));
    const tcp6 = await readFile(`/proc/${gateway.pid}/net/tcp6`, 'utf8');
    const port = gateway.port.toString(16).toUpperCase().padStart(4, '0');
    assert.doesNotMatch(tcp6, new RegExp(`:${port} \\S+ 0A`));
    const tcp = await readFile(`/proc/${gateway.pid}/net/tcp`, 'utf8');
    // 127.0.0.1 in the byte order of the machine.
    assert.match(tcp, new RegExp(` 0100007F:${port} \\S+ 0A`));
    assert.doesNotMatch(tcp, new RegExp(` 00000000:${port} \\S+ 0A`));
  });
});
