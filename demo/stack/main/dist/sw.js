// A service worker's script must never be cached, or a visitor keeps an old release. This one does nothing
// and no page registers it: it is here to be looked at through the gateway.
self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));
