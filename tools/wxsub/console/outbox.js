// Messages that wait in the store.
import { ask, page, post } from './api.js';
import { confirmed, empty, h, table, toast } from './dom.js';
import { count, duration, t, timeText } from './text.js';

const LIMIT = 50;
const chosen = { openid: '' };

export async function outbox(view, { write, signal }) {
  const of = h('input', { id: 'of-player', type: 'search', value: chosen.openid, placeholder: t('anyPlayer'), 'aria-label': t('anyPlayer'), maxlength: 128, onchange: () => ((chosen.openid = of.value.trim()), careful([])) });
  const body = h('div');
  view.append(h('h1', t('outbox')), h('div.row', of), h('p'), body);
  const draw = async (before) => {
    const after = before[before.length - 1];
    const [stats, reply] = await Promise.all([ask('stats'), page('outbox', 'messages', { limit: LIMIT, openid: chosen.openid, after })]);
    if (!signal.aborted) show(body, stats, reply, before, write, careful);
  };
  const careful = (before) => draw(before).catch((error) => toast(error.message));
  await draw([]);
}

function show(body, stats, reply, before, write, draw) {
  const columns = [
    { key: 'due_ms', title: t('due'), tight: true, show: (ms) => [timeText(ms), ms < Date.now() ? [' ', h('span.badge.warn', t('isDue'))] : ''] },
    { key: 'expires_ms', title: t('expires'), tight: true, wide: true, show: timeText },
    { key: 'openid', title: t('player'), show: (id) => h('a.mono', { href: `#/player/${encodeURIComponent(id)}` }, id) },
    { key: 'template_id', title: t('template'), show: (id, row) => [h('code', id), row.key ? h('div.small.soft', t('key'), ' ', h('code', row.key)) : ''] },
    { key: 'tries', title: t('tries'), num: true, show: count },
    { key: 'why', title: t('whyWaits'), kind: 'text' },
  ];
  if (write) columns.push({ key: 'cancel', title: '', show: (_, row) => takeBack(row, () => draw(before)) });
  const more = reply.next !== null && reply.next !== undefined;
  const late = stats.outbox_oldest_due_ms || 0;
  const tile = (name, value) => h('div.tile', h('span.name', t(name)), h('b', value));
  body.replaceChildren(
    h('div.tiles', tile('outboxWaiting', count(stats.outbox_waiting)), tile('outboxDue', count(stats.outbox_due)), tile('outboxLate', late ? duration(late) : '–')),
    reply.messages.length ? table(columns, [...reply.messages].sort((a, b) => a.due_ms - b.due_ms), { id: 'outbox' }) : empty(t('nothingWaits')),
    h(
      'div.row',
      h('button', { id: 'back', disabled: !before.length, onclick: () => draw(before.slice(0, -1)) }, t('back')),
      h('button', { id: 'next', disabled: !more, onclick: () => draw([...before, reply.next]) }, t('next')),
      h('span.soft.small', t('page', before.length + 1)),
    ),
  );
}

function takeBack({ openid, key, key_cut: isCut }, again) {
  // A message without a key, or with a long one that is not told whole, cannot be named.
  if (!key || isCut) return '';
  const cancel = async () => {
    if (!(await confirmed(t('cancelTitle'), t('cancelText', key, openid), t('cancelIt'), t('keep')))) return;
    try {
      await post('cancel', { openid, key });
      toast(t('done'));
    } catch (error) {
      toast(error.message);
    }
    await again();
  };
  return h('button.danger.tiny', { 'data-cancel': key, onclick: cancel }, t('cancelIt'));
}
