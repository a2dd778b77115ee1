// What the image's HEALTHCHECK runs: healthy is a gateway that answers HTTP at all. A 404 or a 502 counts,
// since restarting the gateway would not bring a missing route or a dead replica back.

import { get } from 'node:http';

const port = Number(process.argv[2] ?? 80);
const request = get({ host: '127.0.0.1', port, path: '/', timeout: 2500 }, (response) => {
  process.exit(response.statusCode === undefined ? 1 : 0);
});
request.on('timeout', () => request.destroy(new Error('no answer in time')));
request.on('error', (error) => {
  console.error(`port ${port}: ${error.message}`);
  process.exit(1);
});
