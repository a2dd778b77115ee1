// `explain` on the command line: the answer as text and as JSON, and its exit codes. What it says about other
// configs is tested in `test/gateway/explain.test.ts` and `explain-replicas.test.ts`.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { Explanation } from '../../src/gateway/explain.ts';
import { startDnsServer } from '../support/dns-server.ts';
import { temporaryFolder } from '../support/fixtures.ts';
import { runGateway } from '../support/gateway-process.ts';
import { answer, startReplica } from '../support/recording-replica.ts';

/** Nobody is asked, for what is said of routes. */
const explainText = (...args: string[]) => explainLive('--offline', ...args);

async function explainLive(...args: string[]): Promise<{ code: number | null; text: string }> {
  const { code, stdout, stderr } = await runGateway(['explain', ...args]);
  assert.equal(stderr, '');
  return { code, text: stdout };
}

async function explainJson(...args: string[]): Promise<Explanation & { code: number | null }> {
  const { code, text } = await explainText('--json', ...args);
  return { ...(JSON.parse(text) as Explanation), code };
}

suite('the Lumira stack', { concurrency: 2 }, () => {
  test('an API path that looks like an image goes to the API', async () => {
    const { code, text } = await explainText('https://oraclelumira.com/api/x.png');
    assert.equal(code, 0);
    for (const part of [
      'GET oraclelumira.com/api/x.png\n',
      'host     hosts["oraclelumira.com"]\n',
      'route    hosts["oraclelumira.com"].routes["/api/*"]\n',
      'matches /api/x.png, and no longer pattern does\n',
      'action   proxy to api\n',
      '  http://api-2:3000  unchecked\n',
      '  /*  spa from main: matches too, but /api/* is more specific\n',
      '  GET /api/x.png HTTP/1.1\n',
      '  x-frame-options: SAMEORIGIN\n',
      '  strict-transport-security: max-age=31536000; includeSubDomains\n',
    ]) {
      assert.ok(text.includes(part), `${JSON.stringify(part)} is not in\n${text}`);
    }
  });

  test('and as JSON', async () => {
    const { code, ...found } = await explainJson('https://oraclelumira.com/api/x.png');
    assert.equal(code, 0);
    assert.equal(found.refusal, null);
    assert.equal(found.host?.name, 'oraclelumira.com');
    assert.deepEqual(found.route, {
      source: 'hosts["oraclelumira.com"].routes["/api/*"]',
      pattern: '/api/*',
      action: 'proxy to api',
      why: 'matches /api/x.png, and no longer pattern does',
    });
    assert.deepEqual(found.others, [
      {
        source: 'hosts["oraclelumira.com"].routes["/*"]',
        pattern: '/*',
        action: 'spa from main',
        why: 'matches too, but /api/* is more specific',
      },
    ]);
    assert.deepEqual(found.replicas?.anyOf, ['http://api-1:3000', 'http://api-2:3000', 'http://api-3:3000']);
    assert.equal(found.replicas?.asked, false);
    assert.equal(found.answer, null);
    assert.equal(found.requestToReplica?.[0], 'GET /api/x.png HTTP/1.1');
  });

  test('HSTS is there for https and not for http', async () => {
    const secure = await explainJson('https://oraclelumira.com/');
    const plain = await explainJson('http://oraclelumira.com/');
    const names = ({ policies }: Explanation) => policies!.responseSet.map(([name]) => name);
    assert.ok(names(secure).includes('strict-transport-security'));
    assert.ok(!names(plain).includes('strict-transport-security'));
    assert.ok(secure.requestToReplica!.includes('x-forwarded-proto: https'));
    assert.ok(plain.requestToReplica!.includes('x-forwarded-proto: http'));
  });

  test('what the gate refuses is one line, and exit code 1', async () => {
    const { code, text } = await explainText('http://oraclelumira.com/a/../b');
    assert.equal(code, 1);
    assert.equal(text, 'refused at the gate: 400 BAD_TARGET. The request target is not a valid path.\n');
  });

  test('an unknown host is named, and exit code 1', async () => {
    const { code, text } = await explainText('http://deep.desk.oraclelumira.com/');
    assert.equal(code, 1);
    assert.match(
      text,
      /^No host of the config answers for deep\.desk\.oraclelumira\.com: 404 HOST_UNKNOWN\.$/m,
    );
  });

  test('method and headers count, and Host asks for another name, as with curl', async () => {
    const found = await explainJson(
      ...['http://127.0.0.1:8080/api/x', '--header', 'Host: oraclelumira.com', '--method', 'post'],
      ...['--header', 'X-Kept: 1', '--header', 'X_Dropped: 1'],
    );
    assert.equal(found.request?.host, 'oraclelumira.com');
    const head = found.requestToReplica!;
    assert.deepEqual(head.slice(0, 3), ['POST /api/x HTTP/1.1', 'host: oraclelumira.com', 'X-Kept: 1']);
    const { code, text } = await explainText('http://oraclelumira.com/app', '--method', 'POST');
    assert.equal(code, 0);
    assert.match(text, /^answer {3}405 METHOD_NOT_ALLOWED, given by the gateway itself$/m);
    assert.doesNotMatch(text, /sent to the replica/);
  });
});

suite('live', { concurrency: 2 }, () => {
  test('names are resolved and replicas checked, and standard output holds nothing else', async (t) => {
    const dns = await startDnsServer(t);
    const replica = await startReplica(t, answer('fine'));
    dns.setA('api.test', ['127.0.0.1', '127.0.0.2', '169.254.169.254']);
    const url = `http://api.test:${replica.port}`;
    const folder = await temporaryFolder(t, {
      'routes.config.mjs': `export default ${JSON.stringify({
        resolver: { servers: [dns.address] },
        upstreams: { api: { replicas: [url], balance: 'hash-client', health: '/health' } },
        hosts: { 'a.test': { routes: { '/*': { proxy: 'api' } } } },
      })};\n`,
    });
    const args = ['http://a.test/x', '--config', join(folder, 'routes.config.mjs'), '--client', '10.0.0.9'];
    const { code, text } = await explainLive(...args, '--json');
    assert.equal(code, 0);
    const found = JSON.parse(text) as Explanation;
    assert.deepEqual(
      found.replicas?.all.map(({ url, state, check }) => ({ url, state, check })),
      [
        { url: `${url} (127.0.0.1:${replica.port})`, state: 'up', check: '200' },
        { url: `${url} (127.0.0.2:${replica.port})`, state: 'down', check: 'connection refused' },
      ],
    );
    assert.match(found.replicas!.notes.join(), /^api\.test: addresses of a name are not used; .*169\.254\./);
    assert.equal(found.client, '10.0.0.9');
    assert.ok(found.requestToReplica!.includes('x-forwarded-for: 10.0.0.9'));

    replica.script = answer('no', {}, 503);
    const down = await explainLive(...args);
    assert.equal(down.code, 0, 'a route answers, whatever the replicas do');
    assert.match(down.text, /^ {2}http:\S+ \(127\.0\.0\.1:\d+\) {2}down {2}status 503 after [\d.]+ ms$/m);
    assert.match(
      down.text,
      /^answer {3}503 UPSTREAM_DOWN with Retry-After: 5, given by the gateway itself$/m,
    );
    const health = replica.requests.map(({ target }) => target);
    assert.deepEqual(health, ['/health', '/health'], 'each time one check and nothing else');
  });

  test('a client that is no address is refused with exit code 2', async () => {
    for (const client of ['localhost', '10.0.0', '10.0.0.0/8', '']) {
      const { code, stderr } = await runGateway(['explain', 'http://a.test/', '--client', client]);
      assert.equal(code, 2);
      assert.match(stderr, /^--client ".*" is not an address\. Try: --client 10\.0\.0\.1$/m);
    }
    const { code, stderr } = await runGateway(['check', '--offline']);
    assert.equal(code, 2);
    assert.match(stderr, /^check takes no --offline$/m);
  });
});
