const main = document.querySelector('main');

const routes = [
  [/^\/$/, home],
  [/^\/readings(?:\/([\w-]+))?$/, (id) => import('./readings-dZpB3APZ.js').then((page) => page.render(main, id))],
  [/^\/replicas$/, replicas],
];

function home() {
  main.innerHTML = `<section class="hero"><div><p class="kicker">Oracle Lumira</p>
<h1>A quiet light for the questions you carry</h1>
<p class="lead">Draw a card, keep what speaks to you. This is the sample stack of the gateway that served you this page.</p>
<a class="button" href="/readings">Draw a card</a></div>
<img src="/assets/logo-NHQoSA08.svg" width="240" height="240" alt=""></section>
<div id="who"></div>`;
  who(document.querySelector('#who'));
}

function replicas() {
  main.innerHTML = '<p class="kicker">Behind the front door</p><h1>Who answers?</h1><br><div id="who"></div>';
  who(document.querySelector('#who'));
}

function missing() {
  main.innerHTML = `<p class="kicker">Nothing here</p><h1>No such page</h1>
<p class="lead">The application has no page for <code></code>.</p><p><a href="/">Back to the start</a></p>`;
  main.querySelector('code').textContent = location.pathname;
}

/** Calls the API a few times and shows which replica answered, and what it was told about this browser. */
function who(place) {
  place.innerHTML = `<section class="card"><div class="row"><div><h2>Which replica answered?</h2>
<p>Each call of <code>/api/whoami</code> goes through the gateway to one of the API's replicas.</p></div>
<button type="button">Ask again</button></div><ul class="bars"></ul><dl></dl><p class="note" role="status"></p></section>`;
  const button = place.querySelector('button');
  const counts = new Map();
  const ask = async () => {
    button.disabled = true;
    const started = performance.now();
    try {
      for (let i = 0; i < 6; i++) {
        const answer = await call('/api/whoami');
        counts.set(answer.replica, (counts.get(answer.replica) ?? 0) + 1);
        showBars(place.querySelector('.bars'), counts);
        showHeaders(place.querySelector('dl'), answer.headers ?? {});
      }
      say(`6 calls in ${Math.round(performance.now() - started)} ms`);
    } catch (error) {
      say(error.message, 'error');
    }
    button.disabled = false;
  };
  const say = (text, kind = '') => {
    const note = place.querySelector('.note');
    note.className = `note ${kind}`;
    note.textContent = text;
  };
  button.addEventListener('click', ask);
  ask();
}

async function call(path) {
  const response = await fetch(path, { headers: { accept: 'application/json' } });
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}

function showBars(list, counts) {
  const most = Math.max(...counts.values());
  list.replaceChildren(
    ...[...counts].sort().map(([name, count]) => {
      const item = document.createElement('li');
      item.innerHTML = '<span></span><div><i></i></div><b></b>';
      item.querySelector('span').textContent = name;
      item.querySelector('i').style.width = `${(count / most) * 100}%`;
      item.querySelector('b').textContent = count;
      return item;
    }),
  );
}

function showHeaders(list, headers) {
  const names = ['host', 'x-forwarded-for', 'x-forwarded-proto', 'x-real-ip', 'via'];
  list.replaceChildren(
    ...names.flatMap((name) => {
      const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
      dt.textContent = name;
      dd.textContent = headers[name] ?? '–';
      return [dt, dd];
    }),
  );
}

async function navigate(path) {
  for (const [pattern, page] of routes) {
    const match = pattern.exec(path);
    if (!match) continue;
    await page(match[1]);
    mark(path);
    return;
  }
  missing();
  mark(path);
}

function mark(path) {
  for (const link of document.querySelectorAll('.top nav a')) {
    const target = link.getAttribute('href');
    const here = target === '/' ? path === '/' : path.startsWith(target);
    if (here) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

document.addEventListener('click', (event) => {
  const link = event.target.closest('a[href^="/"]');
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, '', link.getAttribute('href'));
  navigate(location.pathname);
});
addEventListener('popstate', () => navigate(location.pathname));
navigate(location.pathname);
