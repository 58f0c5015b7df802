// Beside the phone: who plays, what WeChat knows, what goes wrong, what happened.
import { push, setPush } from './events.js';
import { isChinese, t } from './text.js';
import { listen, log, make, openid, params, player, sim, trouble } from './wechat.js';

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi', 'ivan', 'judy'];
const MOST_LINES = 100;

const panel = document.getElementById('panel');
const toggle = document.getElementById('panel-toggle');
const truth = make('div', { id: 'truth' });
const lines = make('ol', { id: 'log' });

function address(change) {
  const next = new URLSearchParams(params);
  for (const [name, value] of Object.entries(change)) next.set(name, value);
  return `/phone?${next}`;
}

function isDark() {
  return (document.documentElement.dataset.theme ?? (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
}

const send = (fault) => async (button) => {
  await sim('faults', { endpoint: 'send', openid, ...fault });
  mark(button);
};

function mark(button) {
  log(`${button.textContent} · ${t('armed')}`);
  button.classList.add('armed');
  setTimeout(() => button.classList.remove('armed'), 1200);
}

function once(key, run) {
  return make('button', { class: 'once', 'data-trouble': key, onclick: (event) => run(event.currentTarget) }, t(key));
}

function flag(key) {
  const input = make('input', { type: 'checkbox', 'data-trouble': key, onchange: () => (trouble[key] = input.checked) });
  return make('label', { class: 'flag' }, input, make('i', { class: 'switch' }), make('span', {}, t(key)));
}

function field(key, name) {
  return make('label', { class: 'field' }, make('span', {}, t(key)), make('input', { value: push[name], spellcheck: 'false', onchange: (event) => setPush(name, event.target.value) }));
}

export function startPanel() {
  const next = NAMES[(NAMES.indexOf(player) + 1) % NAMES.length];
  panel.replaceChildren(
    make('h1', {}, t('controls'), make('span', { class: 'links' },
      make('a', { href: address({ lang: isChinese ? 'en' : 'zh' }) }, t('language')),
      make('a', { href: address({ theme: isDark() ? 'light' : 'dark' }) }, t(isDark() ? 'light' : 'dark')))),
    make('div', { class: 'who' }, make('span', {}, t('player')), make('b', {}, player), make('code', {}, openid)),
    make('p', { class: 'where' }, params.get('server') ? `${t('server')}: ${params.get('server')}` : t('noServer')),
    make('a', { class: 'another', href: address({ player: next }), target: '_blank', rel: 'opener' }, t('another')),
    make('h2', {}, t('truth')),
    truth,
    make('h2', {}, t('trouble')),
    once('busy', send({ kind: 'errcode', errcode: -1 })),
    once('lostAnswer', send({ kind: 'close', applied: true })),
    once('deadToken', async (button) => {
      await sim('token', { kill: 'stable' });
      mark(button);
    }),
    once('network', (button) => {
      trouble.networkOnce = true;
      mark(button);
    }),
    flag('offline'),
    flag('lostReport'),
    flag('twice'),
    make('details', { open: Boolean(push.url) }, make('summary', {}, t('events')), field('pushUrl', 'url'), field('pushToken', 'token'), field('pushKey', 'key')),
    make('h2', {}, t('log')),
    lines,
  );
  toggle.addEventListener('click', () => {
    const open = document.body.classList.toggle('with-panel');
    toggle.setAttribute('aria-expanded', String(open));
  });
  listen(({ type, text }) => (type === 'log' ? addLine(text) : drawTruth()));
  setInterval(drawTruth, 2000);
  drawTruth();
}

function addLine(text) {
  const time = new Date().toLocaleTimeString('en-GB');
  lines.prepend(make('li', {}, make('time', {}, time), make('span', {}, text)));
  while (lines.children.length > MOST_LINES) lines.lastChild.remove();
}

async function drawTruth() {
  try {
    const [{ remaining }, templates] = await Promise.all([sim(`player?openid=${encodeURIComponent(openid)}`), sim('templates')]);
    const titles = new Map(templates.map(({ priTmplId, title }) => [priTmplId, title]));
    const rows = Object.entries(remaining).filter(([id]) => titles.has(id) || remaining[id]).map(([id, count]) =>
      make('div', { class: 'count', 'data-id': id }, make('span', {}, titles.get(id) || id), make('b', {}, String(count))));
    truth.replaceChildren(...(rows.length ? rows : [make('p', { class: 'none' }, t('truthNone'))]));
  } catch (error) {
    truth.replaceChildren(make('p', { class: 'none' }, error.message));
  }
}
