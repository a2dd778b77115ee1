import { startGateway } from '../support/gateway-process.ts';
import { RawConnection } from '../support/raw-client.ts';
import { framingOf, HeadThenBody, LongBodyReplica, sendBody } from './long-body.ts';
import { setTimeout as sleep } from 'node:timers/promises';
const scope = { after() {} };
const MB=1<<20;
const replica = await LongBodyReplica.start(scope);
const g = await startGateway(scope, { upstreams: { a: { replicas: [replica.url] } }, hosts: { 'a.test': { routes: { '/*': { proxy: 'a' } } } } }, { args: ['--workers','1'] });
async function down(size: number, chunked: boolean) {
  const c = await RawConnection.open(g.port); c.keeping=false; const r = new HeadThenBody(); c.socket.on('data',(b:Buffer)=>r.push(b));
  await c.send(`GET /${chunked?'chunked':'length'}?${size} HTTP/1.1\r\nHost: a.test\r\n\r\n`);
  while(!r.body?.done) await sleep(5); c.destroy();
}
async function up(size: number, chunked: boolean) {
  const c = await RawConnection.open(g.port);
  await c.send(`POST / HTTP/1.1\r\nHost: a.test\r\n${framingOf(size,chunked)}\r\n\r\n`);
  await sendBody(c.socket,size,chunked); await c.response('POST',60000); c.destroy();
}
const rss = async (what: string) => console.log(what, ((await g.memory())/MB).toFixed(1));
await rss('start');
for (let i=0;i<50;i++) await down(1000,false);
await rss('small');
for (const [n, f, ch] of [['down len',down,false],['down chunked',down,true],['up len',up,false],['up chunked',up,true]] as const) {
  for (const s of [64,64,256]) { await f(s*MB,ch); await rss(`${n} ${s}`); }
}
await g.stop(); process.exit(0);
