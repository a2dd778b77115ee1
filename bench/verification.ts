// Checks each peer's answer once before it is measured: nobody is fast by being wrong, or by leaving out
// work the others do.

import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { HOST, type Scenario } from './scenarios.ts';

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Throws with every difference between what the peer answers and what the scenario expects. */
export async function verify(port: number, scenario: Scenario): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const wrong: string[] = [];
    // Twice: what answers first, and what answers once caches are filled and connections pooled.
    for (let i = 0; i < 2; i++) wrong.push(...differences(await ask(port, agent, scenario), scenario));
    if (scenario.kind === 'proxy')
      wrong.push(...forwardedDifferences(await ask(port, agent, echoOf(scenario))));
    if (wrong.length > 0) throw new Error(`wrong answer: ${[...new Set(wrong)].join('; ')}`);
  } finally {
    agent.destroy();
  }
}

function differences(answer: Answer, scenario: Scenario): string[] {
  const wrong: string[] = [];
  const expect = (what: string, seen: unknown, wanted: unknown) => {
    if (seen !== wanted) wrong.push(`${what} is ${seen}, not ${wanted}`);
  };
  expect('status', answer.status, 200);
  expect('content-encoding', answer.headers['content-encoding'] ?? null, scenario.encoding);
  expect('x-frame-options', answer.headers['x-frame-options'], 'SAMEORIGIN');
  expect('x-content-type-options', answer.headers['x-content-type-options'], 'nosniff');
  expect('referrer-policy', answer.headers['referrer-policy'], 'strict-origin-when-cross-origin');
  if (answer.headers.connection === 'close') wrong.push('the connection is closed');
  if (scenario.immutable && !answer.headers['cache-control']?.includes('immutable')) {
    wrong.push(`cache-control is ${answer.headers['cache-control']}, without immutable`);
  }
  const gzipped = answer.headers['content-encoding'] === 'gzip';
  const body = gzipped ? gunzipSync(answer.body) : answer.body;
  if (!body.equals(scenario.expected)) {
    wrong.push(`body of ${body.length} bytes differs from the expected ${scenario.expected.length} bytes`);
  }
  return wrong;
}

/** Every proxy has to tell the origin who asked, and for what. */
function forwardedDifferences(answer: Answer): string[] {
  if (answer.status !== 200) return [`the echo's status is ${answer.status}, not 200`];
  const seen = JSON.parse(answer.body.toString()) as Record<string, string | undefined>;
  const wanted = {
    host: HOST,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': HOST,
    'x-real-ip': '127.0.0.1',
  };
  return Object.entries(wanted)
    .filter(([name, value]) => seen[name] !== value)
    .map(([name, value]) => `the origin saw ${name} ${seen[name]}, not ${value}`);
}

function echoOf(scenario: Scenario): Scenario {
  return { ...scenario, method: 'GET', path: '/api/echo', uploadBytes: 0 };
}

function ask(port: number, agent: Agent, scenario: Scenario): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const headers: Record<string, string> = { ...scenario.headers };
  if (scenario.uploadBytes > 0) headers['content-length'] = String(scenario.uploadBytes);
  const { method, path } = scenario;
  const req = request({ host: '127.0.0.1', port, agent, method, path, headers, timeout: 10_000 }, (res) => {
    buffer(res).then((body) => resolve({ status: res.statusCode ?? 0, headers: res.headers, body }), reject);
  });
  req.on('timeout', () => req.destroy(new Error('no answer within 10 s')));
  req.on('error', reject);
  req.end(scenario.uploadBytes > 0 ? Buffer.alloc(scenario.uploadBytes, 'u') : undefined);
  return promise;
}
