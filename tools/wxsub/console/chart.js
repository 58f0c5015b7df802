// Plots with uPlot, in the page's colours.
import { h } from './dom.js';
import { count, language } from './text.js';

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/**
 * Lines over time.
 * @param series [{ name, colour: 'c1' … 'c6', values }], each as long as `at`
 * @param at Unix seconds
 * @param days whether they are days, which have no zone
 */
export function plot({ at, series, days = false, height = 180, signal }) {
  const box = h('div.plot');
  const legend = h('div.legend');
  const tell = (index) => {
    const last = index ?? at.length - 1;
    legend.replaceChildren(
      h('span', at.length ? dateText(at[last], days) : ''),
      ...series.map((one) => h('span', h(`i.key.k${one.colour.slice(1)}`), one.name, h('b', count(one.values[last] ?? 0)))),
    );
  };
  const axis = {
    stroke: colour('soft'),
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  const draw = () => {
    if (!box.isConnected) return;
    box.replaceChildren();
    const chart = new uPlot(
      {
        width: Math.max(box.clientWidth, 200),
        height,
        tzDate: days ? (seconds) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') : undefined,
        padding: [10, 30, 0, 0],
        legend: { show: false },
        cursor: { points: { size: 7 }, drag: { x: false, y: false } },
        hooks: { setCursor: [(chart) => tell(chart.cursor.idx)] },
        scales: { y: { range: (_, low, high) => [0, Math.max(high || 0, 4) * 1.06] }, x: { range: (_, low, high) => around(low, high, days) } },
        axes: [
          { ...axis, space: 64, size: 30, values: (_, splits, __, ___, step) => splits.map((at) => tick(at, days, step)) , incrs: days ? [86400, 2 * 86400, 7 * 86400, 14 * 86400, 30 * 86400] : undefined },
          { ...axis, size: 52, values: (_, splits) => splits.map((value) => (Number.isInteger(value) ? short(value) : '')) },
        ],
        series: [
          {},
          ...series.map((one) => ({
            stroke: colour(one.colour),
            width: 2,
            points: { show: at.length < 40, size: 5, fill: colour('panel') },
            fill: one.fill ? `${colour(one.colour)}22` : undefined,
          })),
        ],
      },
      [at, ...series.map((one) => one.values)],
      box,
    );
    tell(null);
    return chart;
  };
  const observer = new ResizeObserver(() => requestAnimationFrame(draw));
  observer.observe(box);
  signal?.addEventListener('abort', () => observer.disconnect());
  return h('div', box, legend);
}

/** A single day or sample stands in the middle. */
function around(low, high, days) {
  if (low === null || low === undefined) return [0, 1];
  const room = days ? 43200 : 30;
  return low === high ? [low - room * 2, high + room * 2] : [low, high];
}

function tick(seconds, days, step) {
  const date = new Date(seconds * 1000);
  const two = (n) => String(n).padStart(2, '0');
  if (days) return `${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return step < 60 ? `${time}:${two(date.getSeconds())}` : time;
}

function dateText(seconds, days) {
  const date = new Date(seconds * 1000);
  return days ? date.toISOString().slice(0, 10) : date.toLocaleTimeString(language() === 'zh' ? 'zh-CN' : 'en-GB');
}

function short(value) {
  if (value >= 1e6) return `${+(value / 1e6).toFixed(1)}M`;
  if (value >= 1e4) return `${+(value / 1e3).toFixed(1)}k`;
  return String(value);
}
