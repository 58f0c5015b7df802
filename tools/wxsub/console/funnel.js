// Numbers by day and template, as plots.
import { pages } from './api.js';
import { plot } from './chart.js';
import { empty, h, table } from './dom.js';
import { count, percent, t } from './text.js';

const MAIN = [
  ['accepted', 'c1'],
  ['sent', 'c2'],
  ['opened', 'c5'],
  ['refused', 'c4'],
];
const TROUBLE = ['rejected', 'filtered', 'no_quota', 'bad_message', 'unknown', 'expired', 'skipped', 'other'];
const ALL = [...MAIN.map(([key]) => key), ...TROUBLE, 'campaign'];
const MOST_CARDS = 24;

const chosen = { days: 14, template: '' };

export async function funnel(view, { signal }) {
  const body = h('div');
  const days = h('select', { id: 'days', onchange: () => ((chosen.days = +days.value), load()) }, [7, 14, 30, 90].map((n) => h('option', { value: n, selected: n === chosen.days }, t('lastDays', n))));
  const template = h('select', { id: 'template', onchange: () => ((chosen.template = template.value), draw()) });
  view.append(h('h1', t('funnel')), h('div.row', days, template), h('p'), body);
  let rows = [];
  const draw = () => show(body, rows, signal);
  const load = async () => {
    const [from, to] = range(chosen.days);
    rows = await pages('funnel', 'funnel', { from, to });
    const names = [...new Set(rows.map((row) => row.template_id))].sort();
    if (!names.includes(chosen.template)) chosen.template = '';
    template.replaceChildren(h('option', { value: '' }, t('allTemplates')), ...names.map((name) => h('option', { value: name, selected: name === chosen.template }, name)));
    draw();
  };
  await load();
}

function range(days) {
  const day = (back) => {
    const date = new Date(Date.now() - back * 86400000);
    return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`;
  };
  // The ledger's day may have begun before this machine's.
  return [day(days - 1), day(-1)];
}

function show(body, rows, signal) {
  const wanted = rows.filter((row) => !chosen.template || row.template_id === chosen.template);
  if (!wanted.length) {
    body.replaceChildren(empty(t('noNumbers')));
    return;
  }
  const days = everyDay(wanted);
  const groups = Map.groupBy ? Map.groupBy(wanted, (row) => row.template_id) : grouped(wanted);
  const sorted = [...groups].sort((a, b) => sum(b[1], 'sent') + sum(b[1], 'accepted') - sum(a[1], 'sent') - sum(a[1], 'accepted'));
  const cards = !chosen.template && sorted.length > 1 ? sorted.slice(0, MOST_CARDS).map(([name, of]) => card(name, of, days, signal)) : [];
  body.replaceChildren(
    tiles(wanted),
    h('div.card', h('h2', chosen.template || t('allTemplates')), lines(wanted, days, 240, signal)),
    h('div.grid', cards),
    sorted.length > MOST_CARDS && cards.length ? h('p.soft', t('moreTemplates', sorted.length - MOST_CARDS)) : '',
    h('h2', t('problems')),
    problems(wanted),
    h('details', { open: wanted.length <= 40 }, h('summary', t('asTable')), numbers(wanted)),
  );
}

function grouped(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row.template_id, [...(groups.get(row.template_id) || []), row]);
  return groups;
}

const sum = (rows, key) => rows.reduce((all, row) => all + (row[key] || 0), 0);

/** The days that were asked for, up to today or the ledger's. */
function everyDay(rows) {
  const seconds = (day) => Date.parse(`${day}T00:00:00Z`) / 1000;
  const known = rows.map((row) => seconds(row.day));
  const first = Math.min(seconds(range(chosen.days)[0]), ...known);
  const last = Math.max(seconds(range(1)[0]), ...known);
  const days = [];
  for (let at = first; at <= last; at += 86400) days.push(at);
  return days;
}

function lines(rows, at, height, signal) {
  const index = new Map(at.map((seconds, i) => [new Date(seconds * 1000).toISOString().slice(0, 10), i]));
  const series = MAIN.map(([key, colour]) => {
    const values = at.map(() => 0);
    for (const row of rows) values[index.get(row.day)] += row[key] || 0;
    return { name: t(key), colour, values, fill: key === 'sent' };
  });
  return plot({ at, series, days: true, height, signal });
}

function tiles(rows) {
  const all = Object.fromEntries(ALL.map((key) => [key, sum(rows, key)]));
  const asked = all.accepted + all.rejected;
  const notes = {
    accepted: asked ? t('ofAsked', percent(all.accepted, asked)) : '',
    sent: all.campaign ? t('byCampaigns', count(all.campaign)) : '',
    opened: all.sent ? t('ofSent', percent(all.opened, all.sent)) : '',
    refused: all.sent + all.refused ? t('ofTries', percent(all.refused, all.sent + all.refused)) : '',
  };
  return h('div.tiles', MAIN.map(([key, colour]) => h('div.tile', { 'data-sum': key }, h('span.name', h(`i.key.k${colour.slice(1)}`), t(key)), h('b', count(all[key])), h('span.note', notes[key]))));
}

function card(name, rows, days, signal) {
  const tile = ([key, colour]) => h('div.tile', h('span.name', h(`i.key.k${colour.slice(1)}`), t(key)), h('b', count(sum(rows, key))));
  return h('div.card', { 'data-template': name }, h('h2.mono', name), h('div.tiles', MAIN.map(tile)), lines(rows, days, 150, signal));
}

function problems(rows) {
  const found = TROUBLE.map((key) => [key, sum(rows, key)]).filter(([, n]) => n);
  if (!found.length) return empty(t('noProblems'));
  return h('div.chips', found.map(([key, n]) => h('span.chip', { title: t(`about_${key}`) }, t(key), h('b', count(n)))));
}

function numbers(rows) {
  const columns = [
    { key: 'day', title: t('day'), tight: true },
    { key: 'template_id', title: t('template'), show: (id) => h('code', id) },
    ...ALL.map((key) => ({ key, title: t(key), num: true, show: (n) => count(n || 0) })),
  ];
  return table(columns, [...rows].sort((a, b) => (a.day < b.day ? 1 : a.day > b.day ? -1 : a.template_id < b.template_id ? -1 : 1)));
}
