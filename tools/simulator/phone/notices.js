// 服务通知: messages arrive by themselves, as cards with the template's own lines.
import { isChinese, t } from './text.js';
import { changed, kept, log, make, openid, sim } from './wechat.js';

const EVERY_MS = 700;
const BANNER_MS = 5000;

const cards = document.getElementById('cards');
const banner = document.getElementById('banner');
const unread = document.getElementById('unread');

let known = null;
let templates = new Map();
let hideBanner = 0;

/** @param options.open opens the game as a tap on a card does; @param options.show goes to the notices */
export function startNotices({ open, show, isOpen, isHome }) {
  const poll = async () => {
    try {
      await look({ open, show, isOpen, isHome });
    } catch (error) {
      console.warn(error);
    }
    setTimeout(poll, EVERY_MS);
  };
  poll();
}

/** Everything is read. */
export function markRead() {
  if (known !== null) kept.set('read', String(known));
  showUnread([]);
  banner.hidden = true;
}

async function look({ open, show, isOpen, isHome }) {
  const list = await sim(`deliveries?openid=${encodeURIComponent(openid)}`);
  const newest = list.length ? list[list.length - 1].request : 0;
  if (newest === known) return;
  if (list.some((delivery) => !templates.has(delivery.template_id))) {
    templates = new Map((await sim('templates')).map((template) => [template.priTmplId, template]));
  }
  const fresh = known === null ? [] : list.filter((delivery) => delivery.request > known);
  known = newest;
  draw(list, open);
  if (isOpen()) markRead();
  else showUnread(list.filter((delivery) => delivery.request > Number(kept.get('read') || 0)));
  for (const delivery of fresh) log(`✉ ${titleOf(delivery)}`);
  if (fresh.length && !isOpen() && !isHome()) showBanner(fresh[fresh.length - 1], show);
  changed();
}

function draw(list, open) {
  const nothing = make('p', { class: 'nothing' }, t('noNotices'));
  cards.replaceChildren(...(list.length ? list.map((delivery) => card(delivery, open)) : [nothing]));
  cards.scrollTop = cards.scrollHeight;
  const last = list[list.length - 1];
  document.getElementById('last-notice').textContent = last ? titleOf(last) : '';
}

function showUnread(list) {
  unread.hidden = !list.length;
  unread.textContent = list.length > 99 ? '99+' : String(list.length);
}

function showBanner(delivery, show) {
  const [first] = linesOf(delivery);
  banner.replaceChildren(
    make('i', { class: 'avatar notice-avatar' }),
    make('span', { class: 'banner-text' }, make('b', {}, t('notices')), make('small', {}, `${titleOf(delivery)} ${first ? first.value : ''}`)),
    make('time', {}, t('now')),
  );
  banner.onclick = show;
  banner.hidden = false;
  clearTimeout(hideBanner);
  hideBanner = setTimeout(() => {
    banner.hidden = true;
  }, BANNER_MS);
}

const titleOf = ({ template_id: id }) => templates.get(id)?.title || id;

/** The lines of the template, in its order: label and value. */
function linesOf({ template_id: id, data }) {
  const value = (key) => String(data[key]?.value ?? data[key] ?? '');
  const content = templates.get(id)?.content;
  if (!content) return Object.keys(data).map((key) => ({ label: key, value: value(key) }));
  return content
    .split('\n')
    .map((line) => /^(.*?)[:：]?\{\{\s*([\w]+)\.DATA\s*\}\}/.exec(line))
    .filter(Boolean)
    .map(([, label, key]) => ({ label, value: value(key) }));
}

/** The foot is in the message's language, as WeChat has it. */
function footOf({ lang }) {
  return lang === 'en_US' || (!lang && !isChinese) ? 'View in the mini game' : '进入小游戏查看';
}

function card(delivery, open) {
  const when = new Date(delivery.time_ms).toLocaleTimeString(isChinese ? 'zh-CN' : 'en', { hour: '2-digit', minute: '2-digit' });
  const lines = linesOf(delivery).map(({ label, value }) => make('div', { class: 'line' }, make('dt', {}, label), make('dd', {}, value)));
  const parts = [
    make('div', { class: 'card-head' }, make('i', { class: 'avatar game-avatar' }), make('span', {}, t('game'))),
    make('h2', {}, titleOf(delivery)),
    make('dl', {}, ...lines),
  ];
  // Without a page the card opens nothing.
  const body = delivery.page
    ? make('button', { class: 'card', onclick: () => open(delivery.page) }, ...parts, make('div', { class: 'card-foot' }, make('span', {}, footOf(delivery)), make('i', { class: 'arrow' })))
    : make('div', { class: 'card' }, ...parts);
  return make('div', { class: 'notice', 'data-request': delivery.request }, make('time', {}, when), body);
}
