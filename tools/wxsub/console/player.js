// One player: what he allows, why, and what happened.
import { ask, page } from './api.js';
import { confirmed, empty, h, toast } from './dom.js';
import { count, t, timeText } from './text.js';
import { explain, standing } from './why.js';

const LIMIT = 50;

export async function player(view, { argument: openid, write, signal }) {
  const draw = async () => {
    // What a player allows is shown also where his history cannot be had.
    const had = page('history', 'history', { openid, limit: LIMIT }).catch((error) => ({ history: [], next: null, error }));
    const [known, history] = await Promise.all([ask('player', { openid }), had]);
    if (!signal.aborted) show(view, openid, known, history, write, draw);
  };
  await draw();
}

function show(view, openid, known, history, write, draw) {
  const events = history.history;
  view.replaceChildren(
    h('p', h('a', { href: '#/players' }, `← ${t('players')}`)),
    h('h1.mono', openid),
    h('div.card', h('h2', t('whatAllowed')), counts(known), facts(known)),
    h('div.card', h('h2', t('why')), reasons(known, events)),
    write ? h('div.row', { id: 'actions' }, actions(openid, known, draw)) : '',
    h('h2', t('history')),
    history.error ? h('div.verdict.bad', history.error.message) : events.length ? h('div.card', timeline(events, openid, history.next)) : empty(t('noHistory')),
  );
}

function counts(known) {
  const templates = Object.entries(known.counts || {});
  const system = Object.entries(known.system || {}).filter(([, on]) => on);
  if (!templates.length && !system.length) return h('p.soft', { id: 'counts' }, t('allowsNothing'));
  return h(
    'div.chips',
    { id: 'counts' },
    templates.map(([id, n]) => h('span.chip', { 'data-template': id }, h('code', id), h(n ? 'b.good' : 'b.zero', count(n)))),
    system.map(([id]) => h('span.chip', { 'data-template': id }, h('code', id), h('b.good', t('on')))),
  );
}

function facts(known) {
  const rows = [];
  if (known.muted_until_ms) rows.push([t('mutedUntil'), timeText(known.muted_until_ms)]);
  if (known.sending) rows.push([t('sendingNow'), [h('code', known.sending.template_id), ' · ', timeText(known.sending.until_ms)]]);
  if (known.in_doubt) rows.push([t('inDoubt'), count(known.in_doubt)]);
  if (known.waiting) rows.push([t('waitingHere'), h('a', { href: '#/outbox' }, count(known.waiting))]);
  return rows.length ? h('p', h('dl.facts', rows.map(([name, value]) => [h('dt', name), h('dd', value)]))) : '';
}

function reasons(known, events) {
  const said = standing(known, events);
  if (!said.length) return h('p.soft', t('nothingKnown'));
  return h('ul.checks', { id: 'why' }, said.map((one) => h('li', h(`span.dot.${one.tone}`), one.template ? h('code', one.template) : h('b', t('allTemplates')), h('span.says', one.text))));
}

function timeline(events, openid, next) {
  const list = h('ul.line', { id: 'timeline' }, events.map(entry));
  const older = h('button', { id: 'older', hidden: !next }, t('older'));
  let after = next;
  older.addEventListener('click', async () => {
    older.disabled = true;
    try {
      const more = await page('history', 'history', { openid, limit: LIMIT, after });
      list.append(...more.history.map(entry));
      after = more.next;
      older.hidden = !after;
    } catch (error) {
      toast(error.message);
    }
    older.disabled = false;
  });
  return [list, older];
}

function entry(event) {
  const said = explain(event);
  const meta = [
    event.template_id && h('code', event.template_id),
    Number.isInteger(event.before) && Number.isInteger(event.after) && event.after >= 0 && event.before >= 0 ? `${t('count')} ${event.before} → ${event.after}` : null,
    event.key && [t('key'), ' ', h('code', event.key)],
    event.campaign && [t('campaign'), ' ', h('a', { href: `#/campaign/${encodeURIComponent(event.campaign)}` }, event.campaign)],
    event.msgid && event.msgid !== '0' && [t('msgid'), ' ', h('code', event.msgid)],
    event.errcode ? `errcode ${event.errcode}` : null,
  ].filter(Boolean);
  return h(
    'li',
    { 'data-what': event.what, 'data-tone': said.tone },
    h(`span.dot.${said.tone}`),
    h('div.top', h('span.title', said.title), event.times > 1 ? h('span.badge', `× ${count(event.times)}`) : null, h('time', timeText(event.at_ms))),
    said.text ? h('div.text', said.text) : null,
    said.said ? h('div.said', said.said) : null,
    h('div.meta', meta.map((one) => h('span', one))),
  );
}

function actions(openid, known, draw) {
  const does = (what, fields) => async () => {
    try {
      await ask(what, { openid, ...fields });
      toast(t('done'));
      await draw();
    } catch (error) {
      toast(error.message);
    }
  };
  const muted = known.muted_until_ms && known.muted_until_ms > Date.now();
  const forget = async () => {
    if (await confirmed(t('forgetTitle'), t('forgetText', openid), t('forget'), t('keep'))) await does('forget')();
  };
  return [
    muted
      ? h('button', { id: 'unmute', onclick: does('mute', { until_ms: null }) }, t('unmute'))
      : h('button', { id: 'mute', onclick: () => does('mute', { until_ms: Date.now() + 7 * 86400000 })() }, t('muteWeek')),
    h('button.danger', { id: 'forget', onclick: forget }, t('forget')),
  ];
}
