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

export default defineGateway({
  listen: { http: 80, https: false },

  // The services behind the gateway, by the names they have on the Compose network. They publish no ports.
  upstreams: {
    main: { replicas: ['http://main-app:80'] },
    desk: { replicas: ['http://expert-desk:80'] },
    api: { replicas: ['http://api-1:3000', 'http://api-2:3000', 'http://api-3:3000'] }, // take turns
    crm: { replicas: ['http://dolibarr:80'] },
  },

  // The most specific path wins, wherever it stands: /api/orders goes to the API, everything else to the app.
  hosts: {
    'oraclelumira.com': {
      redirectFrom: ['www.oraclelumira.com'],
      policies: { security: { ...security, csp } },
      routes: {
        '/api/*': { proxy: 'api' },
        '/*': { spa: { upstream: 'main' } }, // index.html for pages, long caching for assets
      },
    },
    'desk.oraclelumira.com': {
      policies: { security: { ...security, csp } },
      routes: {
        '/api/*': { proxy: 'api' },
        '/*': { spa: { upstream: 'desk' } },
      },
    },
    'crm.oraclelumira.com': {
      policies: { security }, // no CSP: Dolibarr needs one of its own
      routes: { '/*': { proxy: 'crm' } },
    },
  },
});
