// Campaigns: how far each is, over time, and what it skipped.
import { ask, pages, post } from './api.js';
import { plot } from './chart.js';
import { confirmed, empty, h, toast } from './dom.js';
import { count, duration, percent, t, timeText } from './text.js';

const EVERY = 2000;
const TONES = { running: 'good', waiting: 'info', paused: 'warn', done: '', cancelled: 'bad' };
const totals = new Map();

export async function campaigns(view, { write, signal }) {
  const body = h('div');
  view.append(h('h1', t('campaigns')), body);
  const draw = async () => {
    const [list, samples] = await Promise.all([pages('campaign.list', 'campaigns', {}), post('samples')]);
    if (signal.aborted) return;
    body.replaceChildren(list.length ? h('div.grid', list.map((status) => card(status, samples[status.id] || [], write, draw, signal))) : empty(t('noCampaigns')));
  };
  await draw();
  follow(draw, signal);
}

export async function campaign(view, { argument: id, write, signal }) {
  const body = h('div');
  view.append(h('p', h('a', { href: '#/campaigns' }, `← ${t('campaigns')}`)), body);
  const draw = async () => {
    const [status, samples] = await Promise.all([ask('campaign.status', { id }), post('samples')]);
    if (!signal.aborted) body.replaceChildren(...one(status, samples[id] || [], write, draw, signal));
  };
  await draw();
  follow(draw, signal);
  await forecast(id, signal);
  if (!signal.aborted) await draw();
}

/** Again and again, while the view is open and seen. */
function follow(draw, signal) {
  const timer = setInterval(() => document.hidden || draw().catch(() => {}), EVERY);
  signal.addEventListener('abort', () => clearInterval(timer));
}

/** About how many players it looks at: those of its list, or all of the ledger, whom the forecast tells. */
async function forecast(id, signal) {
  const { listed, seen } = await ask('campaign.status', { id });
  let last = {};
  let after;
  do {
    last = await ask('campaign.forecast', { id, after });
    after = last.next ?? undefined;
  } while (after !== undefined && !signal.aborted);
  totals.set(id, { total: listed ?? Math.max(seen, (last.players || 0) + total(last.skipped)), last });
}

const total = (counts) => Object.values(counts || {}).reduce((all, n) => all + n, 0);

function badge(status) {
  const tone = TONES[status.state];
  return h(tone ? `span.badge.${tone}` : 'span.badge', { 'data-state': status.state }, t(`state_${status.state}`));
}

function bar(status) {
  const parts = [
    ['c1', status.sent],
    ['c3', total(status.skipped)],
    ['c4', total(status.failed) + (status.unknown || 0)],
  ];
  const known = status.listed ?? totals.get(status.id)?.total ?? 0;
  const all = Math.max(status.state === 'done' ? status.seen : known, status.seen, 1);
  const width = (n) => `${Math.min(100, (100 * n) / all)}%`;
  const box = h('div.progress', { role: 'progressbar', 'aria-valuenow': status.seen, 'aria-valuemax': all });
  for (const [colour, n] of parts) {
    const part = h(`i.k${colour.slice(1)}`);
    part.style.width = width(n);
    box.append(part);
  }
  return h('div', box, h('p.small.soft', known && status.state !== 'done' ? t('seenOf', count(status.seen), count(all), percent(status.seen, all)) : t('seen', count(status.seen))));
}

function numbers(status) {
  const tile = (name, colour, n) => h('div.tile', { 'data-sum': name }, h('span.name', h(`i.key.k${colour.slice(1)}`), t(name)), h('b', count(n)));
  return h('div.tiles', tile('sent', 'c1', status.sent), tile('skipped', 'c3', total(status.skipped)), tile('failed', 'c4', total(status.failed)), tile('unknown', 'c5', status.unknown || 0));
}

function overTime(status, looks, height, signal) {
  // What was just told is newer than the last look.
  const now = [Date.now(), status.seen, status.sent, total(status.skipped), total(status.failed), status.unknown];
  const last = looks[looks.length - 1];
  const samples = last && status.state === 'running' ? [...looks, now] : looks;
  if (samples.length < 2) return h('p.soft.small', t('noSamples'));
  const at = samples.map((sample) => sample[0] / 1000);
  const line = (name, colour, index) => ({ name: t(name), colour, values: samples.map((sample) => sample[index]) });
  return plot({ at, series: [{ ...line('sent', 'c1', 2), fill: true }, line('skipped', 'c3', 3), line('failed', 'c4', 4)], height, signal });
}

function card(status, samples, write, draw, signal) {
  return h(
    'div.card',
    { 'data-campaign': status.id },
    h('div.row.between', h('h2', h('a', { href: `#/campaign/${encodeURIComponent(status.id)}` }, status.id)), badge(status)),
    status.why ? h('p.small.warn', status.why) : '',
    numbers(status),
    bar(status),
    overTime(status, samples, 130, signal),
    write ? h('div.row', buttons(status, draw)) : '',
  );
}

function one(status, samples, write, draw, signal) {
  const known = totals.get(status.id);
  return [
    h('div.row.between', h('h1.mono', status.id), badge(status)),
    status.why ? h('div.verdict.warn', h('span.dot.warn'), status.why) : '',
    numbers(status),
    h('div.card', bar(status), facts(status, known)),
    write ? h('div.row', { id: 'actions' }, buttons(status, draw)) : '',
    h('h2', t('overTime')),
    h('div.card', overTime(status, samples, 240, signal)),
    h('h2', t('skippedWhy')),
    reasons(status.skipped, (reason) => [t(`reason_${reason}`), h('div.soft.small', t(`about_reason_${reason}`))], t('nobodySkipped')),
    total(status.failed) ? [h('h2', t('failedWhy')), reasons(status.failed, (name) => h('code', name), '')] : [],
  ].flat();
}

function facts(status, known) {
  const rows = [];
  if (status.per_second) rows.push([t('pace'), t('perSecond', count(status.per_second))]);
  if (status.begun_at_ms) rows.push([t('begun'), timeText(status.begun_at_ms)]);
  const over = ['done', 'cancelled'].includes(status.state);
  if (status.ends_at_ms) rows.push([over ? t('ended') : t('ends'), timeText(status.ends_at_ms)]);
  if (known?.last.seconds && ['running', 'waiting', 'paused'].includes(status.state)) rows.push([t('stillTakes'), duration(known.last.seconds * 1000)]);
  return h('dl.facts', rows.map(([name, value]) => [h('dt', name), h('dd', value)]));
}

function reasons(counts, name, none) {
  const rows = Object.entries(counts || {}).sort((a, b) => b[1] - a[1]);
  if (!rows.length) return empty(none);
  const most = rows[0][1];
  return h(
    'div.card',
    h(
      'ul.checks',
      rows.map(([key, n]) => {
        const part = h('i.k3');
        part.style.width = `${(100 * n) / most}%`;
        return h('li', { 'data-reason': key }, h('span'), h('b.num', count(n)), h('div', name(key), h('div.progress', part)));
      }),
    ),
  );
}

function buttons(status, draw) {
  const does = (what) => async () => {
    try {
      await ask(`campaign.${what}`, { id: status.id });
      await draw();
    } catch (error) {
      toast(error.message);
    }
  };
  const cancel = async () => {
    if (await confirmed(t('endTitle'), t('endText', status.id), t('endIt'), t('keep'))) await does('cancel')();
  };
  const button = (what, name = 'button') => h(name, { 'data-do': what, onclick: does(what) }, t(`do_${what}`));
  const open = ['running', 'waiting', 'paused'].includes(status.state);
  return [
    status.state === 'waiting' ? button('start', 'button.primary') : null,
    status.state === 'running' ? button('pause') : null,
    status.state === 'paused' ? button('resume', 'button.primary') : null,
    open ? h('button.danger', { 'data-do': 'cancel', onclick: cancel }, t('endIt')) : null,
  ].filter(Boolean);
}
