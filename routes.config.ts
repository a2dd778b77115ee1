// The front door of oraclelumira.com: which name and path leads to which service. This is the whole configuration;
// a change to it is a pull request. `npm run check` says what is wrong with it, docs/configuration.md explains it.
import { defineGateway } from './src/config/contract.ts';

// Sent with every answer: pages, assets, API replies, redirects and errors alike.
const security = {
  frameOptions: 'SAMEORIGIN',
  contentTypeOptions: 'nosniff',
  xssProtection: '1; mode=block',
  hsts: 'max-age=31536000; includeSubDomains', // only where the visitor came over HTTPS
  referrerPolicy: 'strict-origin-when-cross-origin',
};

// What the pages of the two applications may load, and from where.
const csp =
  "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' *.stripe.com *.google.com; " +
  "style-src 'self' 'unsafe-inline' fonts.googleapis.com; font-src 'self' fonts.gstatic.com; " +
  "img-src 'self' data: https:; connect-src 'self' *.stripe.com api.openai.com;";

// A deploy replaces containers. Visitors who come in the gap wait this long for the new ones instead of seeing an error.
const hold = '5s';

export default defineGateway({
  listen: { http: 80, https: false },

  // The services behind the gateway, by the names they have on the Compose network. They publish no ports. `health`
  // asks whether the service itself lives, never its database: a blip of that would take out every replica at once.
  upstreams: {
    main: { replicas: ['http://main-app:80'], health: '/health.json' },
    desk: { replicas: ['http://expert-desk:80'], health: '/health.json' },
    // The least busy replica answers; one that fails is left out until it is well again.
    api: { replicas: ['http://api-1:3000', 'http://api-2:3000', 'http://api-3:3000'], health: '/api/health' },
    // Dolibarr's pages ask its database, a file does not. Any answer says that the web server is there.
    crm: { replicas: ['http://dolibarr:80'], health: { path: '/robots.txt', status: '2xx-4xx' } },
  },

  // The most specific path wins, wherever it stands: /api/orders goes to the API, everything else to the app.
  hosts: {
    'oraclelumira.com': {
      redirectFrom: ['www.oraclelumira.com'],
      policies: { security: { ...security, csp }, hold },
      routes: {
        '/api/*': { proxy: 'api' },
        '/*': { spa: { upstream: 'main' } }, // index.html for pages, long caching for assets
      },
    },
    'desk.oraclelumira.com': {
      policies: { security: { ...security, csp }, hold },
      routes: {
        '/api/*': { proxy: 'api' },
        '/*': { spa: { upstream: 'desk' } },
      },
    },
    'crm.oraclelumira.com': {
      policies: { security, hold }, // no CSP: Dolibarr needs one of its own
      routes: { '/*': { proxy: 'crm' } },
    },
  },
});
