// The phone's screens, and what a mini game sees of the phone.
import { startNotices, markRead } from './notices.js';
import { startPanel } from './panel.js';
import { drawSettings } from './settings.js';
import { request } from './subscriptions.js';
import { fillTexts, isChinese, t } from './text.js';
import { log, openid, params, player, readSetting, relay, sim, trouble } from './wechat.js';

const phone = document.getElementById('phone');
const frame = document.getElementById('frame');

function go(screen) {
  const wasShown = phone.dataset.screen === 'game';
  phone.dataset.screen = screen;
  document.getElementById('toast').hidden = true;
  if (screen === 'notices') markRead();
  if (screen === 'settings') drawSettings();
  const isShown = screen === 'game';
  if (isShown !== wasShown) frame.contentWindow?.wxsubShow?.(isShown);
}

let isRunning = false;

/** Starts the game anew, as WeChat does when it was closed or a card was tapped. */
function launch(options) {
  isRunning = true;
  window.phone.launch = { scene: 1001, query: {}, path: '', ...options };
  frame.src = 'about:blank';
  frame.addEventListener('load', () => frame.contentWindow.location.replace('/phone/game.html'), { once: true });
  go('game');
}

/** The page of a card: a path and a query, which the game gets. */
function openCard(page) {
  const [path, search = ''] = page.split('?');
  log(`→ scene 1014 ${page}`);
  launch({ scene: 1014, path, query: Object.fromEntries(new URLSearchParams(search)) });
}

/** The team's own script: on this machine only. */
function ownGame() {
  const url = params.get('game');
  if (!url) return null;
  try {
    const { protocol, hostname, href } = new URL(url);
    return protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(hostname) ? href : false;
  } catch (error) {
    return false;
  }
}

let hideToast = 0;

/** What the game's frame calls; see wx.js. */
window.phone = {
  openid,
  player,
  isChinese,
  game: ownGame(),
  server: params.get('server'),
  launch: { scene: 1001, query: {}, path: '' },
  log,
  request: (api, ids, inTap) => request(api, ids, { inTap, inForeground: () => phone.dataset.screen === 'game' }),
  readSetting,
  account: () => sim('account'),
  openSettings: () => go('settings'),
  closeGame: () => {
    isRunning = false;
    frame.src = 'about:blank';
    go('home');
  },
  toast(text, ms = 1500) {
    const element = document.getElementById('toast');
    element.textContent = text;
    element.hidden = false;
    clearTimeout(hideToast);
    hideToast = setTimeout(() => {
      element.hidden = true;
    }, ms);
  },
  /** wx.request: {statusCode, header, data} or {error}. */
  async fetch(wanted) {
    if (trouble.offline) return { error: 'the phone is offline' };
    const answer = await relay(wanted);
    const { pathname } = new URL(wanted.url);
    log(`${wanted.method} ${pathname} → ${answer.error ?? answer.statusCode}${trouble.lostReport ? ' (lost)' : ''}`);
    return trouble.lostReport ? { error: 'timeout' } : answer;
  },
};

function tick() {
  const now = new Date();
  document.getElementById('clock').textContent = `${now.getHours()}:${String(now.getMinutes()).padStart(2, '0')}`;
}

const theme = params.get('theme');
if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
document.title = `${player} · wxsub`;
fillTexts();
tick();
setInterval(tick, 5000);
for (const button of document.querySelectorAll('[data-go]')) button.addEventListener('click', () => go(button.dataset.go));
document.getElementById('open-notices').addEventListener('click', () => go('notices'));
document.getElementById('open-game').addEventListener('click', () => (isRunning ? go('game') : launch({})));
document.getElementById('capsule-menu').addEventListener('click', () => go('settings'));
document.getElementById('capsule-close').addEventListener('click', () => window.phone.closeGame());
startPanel();
startNotices({
  open: openCard,
  show: () => go('notices'),
  isOpen: () => phone.dataset.screen === 'notices',
  isHome: () => phone.dataset.screen === 'home',
});
if (window.phone.game === false) {
  const note = document.getElementById('no-game');
  note.textContent = t('badGame');
  note.hidden = false;
} else {
  launch({ scene: Number(params.get('scene')) || 1001 });
}
