// A player accepts, gets a message, and the next one is turned down. The event loop never waits for WeChat or the disk.
//   npm install && node main.mjs [wxsub.json]
import { readFileSync } from 'node:fs';
import * as W from './wxsub.mjs';
import { wxsub } from './wxsub.mjs';

if (wxsub.abi() < W.WXSUB_ABI) throw new Error('the libwxsub that was loaded is older than wxsub.mjs');
const why = W.results(1);
function must(status, step) {
  if (status !== W.WXSUB_OK) throw new Error(`${step}: ${wxsub.status_name(status)}: ${W.resultAt(why, 0).message}`);
}

const opened = [null];
must(wxsub.init(readFileSync(process.argv[2] ?? 'wxsub.json', 'utf8'), opened, why), 'init');
const client = opened[0];

// Submitted calls by their ticket. The timer keeps the process alive only while some are open.
const waiting = new Map();
const taken = W.results(64);
const timer = setInterval(() => {
  const count = [0];
  must(wxsub.poll(client, taken, 64, 0, count), 'poll');
  for (let i = 0; i < count[0]; i++) {
    const result = W.resultAt(taken, i);
    waiting.get(BigInt(result.ticket))?.(result);
    waiting.delete(BigInt(result.ticket));
  }
  if (waiting.size === 0) timer.unref();
}, 20).unref();

function submitted(status, ticket) {
  must(status, 'submit'); // WXSUB_E_QUEUE_FULL: later, when results were taken
  timer.ref();
  return new Promise((resolve) => waiting.set(BigInt(ticket[0]), resolve));
}
function report(openid, template, answer, key, ticket = [0]) {
  return submitted(wxsub.submit_report(client, openid, template, answer, key, 0, ticket, why), ticket);
}
function send(message, options = {}, ticket = [0]) {
  return submitted(wxsub.submit(client, JSON.stringify(message), JSON.stringify(options), ticket, why), ticket);
}

const message = { touser: 'o-node', template_id: 'sim-stamina', data: { thing1: '体力已满，快来领取', time2: '15:01' } };
console.log('accepted: count', (await report('o-node', 'sim-stamina', W.WXSUB_ACCEPT, 'answer-1')).remaining);
const [sent, second] = await Promise.all([send(message, { key: 'stamina-4711' }), send(message)]);
console.log(`${wxsub.status_name(sent.status)}: message id ${sent.msgid}, count ${sent.remaining}: ${sent.message}`);
console.log(`${wxsub.status_name(second.status)}: ${second.message}`);
wxsub.free(client);
clearInterval(timer);
process.exitCode = sent.status === W.WXSUB_OK && second.status === W.WXSUB_E_NO_QUOTA ? 0 : 1;
