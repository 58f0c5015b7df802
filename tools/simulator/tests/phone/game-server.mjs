// A game server as far as the phone needs one: it logs in, counts, and sends by WeChat's API. A real one does it with wxsub.
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';

const ACCOUNT = { appid: 'wx0000000000000000', secret: 'simulator-secret' };
const TEMPLATES = ['sim-stamina', 'sim-activity', 'sim-result'];

export class GameServer {
  constructor(wechat) {
    this.wechat = wechat;
    this.sessions = new Map();
    this.players = new Map();
    /** Every report that arrived: {openid, id, kind, answer}; a second one of the same id is in here, too. */
    this.reports = [];
    this.opened = [];
    this.pushes = [];
    /** The status of the next reports; null: answered as they deserve. */
    this.refuseReports = null;
    this.plan = TEMPLATES;
  }

  async start() {
    this.http = createServer((request, response) => this.serve(request, response));
    await new Promise((resolve) => this.http.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.http.address().port}`;
    return this;
  }

  stop() {
    this.http.closeAllConnections();
    return new Promise((resolve) => this.http.close(resolve));
  }

  player(openid) {
    if (!this.players.has(openid)) this.players.set(openid, { counts: {}, system: {}, seen: new Set() });
    return this.players.get(openid);
  }

  count(openid, template) {
    return this.player(openid).counts[template] ?? 0;
  }

  async serve(request, response) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const { pathname, searchParams } = new URL(request.url, this.url);
    const end = (status, body = {}) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (pathname === '/push') {
      this.pushes.push({ text, query: Object.fromEntries(searchParams) });
      response.end('success');
      return;
    }
    // A team's own script, for ?game=.
    if (pathname === '/own.js') {
      response.writeHead(200, { 'content-type': 'text/javascript' });
      response.end(this.ownScript);
      return;
    }
    try {
      const body = text ? JSON.parse(text) : {};
      if (pathname === '/login') return end(200, await this.login(body));
      const openid = this.sessions.get((request.headers.authorization ?? '').replace('Bearer ', ''));
      if (!openid) return end(401);
      if (pathname === '/report') return end(this.report(openid, body));
      if (pathname === '/plan') return end(200, this.planFor(openid));
      if (pathname === '/event') return end(200, await this.send(openid));
      return end(404);
    } catch (error) {
      return end(500, { error: error.message });
    }
  }

  async login({ code, scene }) {
    const query = new URLSearchParams({ ...ACCOUNT, js_code: code, grant_type: 'authorization_code' });
    const { openid } = await this.call(`/sns/jscode2session?${query}`);
    const session = randomUUID();
    this.sessions.set(session, openid);
    if (scene === 1014) this.opened.push(openid);
    return { session, ...this.planFor(openid) };
  }

  planFor(openid) {
    return { ask: this.plan, counts: this.player(openid).counts };
  }

  report(openid, { id, kind, answer }) {
    if (this.refuseReports !== null) return this.refuseReports;
    this.reports.push({ openid, id, kind, answer });
    const player = this.player(openid);
    if (player.seen.has(id)) return 200;
    player.seen.add(id);
    if (answer.errCode === 20004 || answer.mainSwitch === false) player.counts = {};
    for (const [key, word] of Object.entries({ ...answer, ...answer.itemSettings })) {
      if (key.startsWith('SYS_MSG_TYPE_')) player.system[key] = word === 'accept';
      else if (kind === 'ask' && word === 'accept') player.counts[key] = (player.counts[key] ?? 0) + 1;
      else if (word === 'reject') player.counts[key] = 0;
    }
    return 200;
  }

  async call(path, body) {
    const option = body ? { method: 'POST', body: JSON.stringify(body) } : {};
    return (await fetch(this.wechat + path, option)).json();
  }

  /** Kept until WeChat refuses it, as a real server does. */
  async token() {
    this.kept ??= (await this.call('/cgi-bin/stable_token', { grant_type: 'client_credential', ...ACCOUNT })).access_token;
    return this.kept;
  }

  /** Sends the stamina message; tries again when WeChat is busy or the token is dead, as wxsub does. */
  async send(openid, more = {}) {
    if (!this.count(openid, 'sim-stamina')) return { status: 'no quota' };
    for (let i = 0; i < 3; i += 1) {
      let answer;
      try {
        answer = await this.call(`/cgi-bin/message/subscribe/send?access_token=${await this.token()}`, {
          touser: openid,
          template_id: 'sim-stamina',
          page: 'pages/island?from=stamina',
          data: { thing1: { value: '体力已满，快来领取' }, time2: { value: '2026年11月29日 15:01' } },
          ...more,
        });
      } catch (error) {
        return { status: 'maybe sent' };
      }
      if (answer.errcode === 40001) this.kept = undefined;
      if (answer.errcode === -1 || answer.errcode === 40001) continue;
      if (answer.errcode === 0) this.player(openid).counts['sim-stamina'] -= 1;
      if (answer.errcode === 43101) this.player(openid).counts['sim-stamina'] = 0;
      return answer;
    }
    return { status: 'busy' };
  }
}
