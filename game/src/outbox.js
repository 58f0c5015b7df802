const MOST = 50;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 300000;
const REPORT_TIMEOUT_MS = 30000;

let sequence = 0;

/** Time and chance: engines that seed Math.random, and clocks that are set back, must both fail to repeat an id. */
function newId() {
  const part = () => Math.random().toString(36).slice(2, 10);
  return [Date.now().toString(36), (sequence += 1).toString(36), part() + part()].join('-');
}

const isEntry = (entry) => Boolean(entry) && typeof entry.id === 'string' && Boolean(entry.answer);

/** A failed call that says nothing about the player: the first to be given up when there is no room. */
const isMinor = ({ kind, answer }) =>
  kind !== 'setting' && answer.errCode !== 20004 && /:fail/.test(String(answer.errMsg));

/**
 * Answers on their way to the server: stored first, reported one by one in order, removed when the server has them.
 *
 * Every change reads the storage, changes the list and writes it, with no pause between: two of these on one storage
 * lose nothing of each other.
 */
export function createOutbox({ storage, report, key, onError }) {
  /** What the storage did not take. */
  let unsaved = [];
  /** Ids that the server has; storage may still hold them if it could not be written. */
  const taken = new Set();
  let sending = null;
  let failures = 0;
  let timer = null;

  const open = (list) => list.filter((entry) => !taken.has(entry.id));

  /** What the storage holds for the server; undefined if it can't be read now. */
  function stored() {
    try {
      const list = JSON.parse(storage.getStorageSync(key) || '[]');
      return open((Array.isArray(list) ? list : []).filter(isEntry));
    } catch (error) {
      onError(error);
      return error instanceof SyntaxError ? [] : undefined;
    }
  }

  const list = () => (stored() || []).concat(unsaved);

  /** Changes the list and stores it; what could not be stored stays in memory. One reading, for both. */
  function change(edit) {
    const before = stored();
    const entries = edit((before || []).concat(unsaved));
    try {
      // Written unread, the list would replace entries that are only out of reach.
      if (before) {
        storage.setStorageSync(key, JSON.stringify(open(entries)));
        unsaved = [];
        return;
      }
    } catch (error) {
      onError(error);
    }
    unsaved = open(entries).filter(({ id }) => !(before || []).some((entry) => entry.id === id));
  }

  /** Doubles with each failure, and spreads the players out. */
  function pause() {
    return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * Math.pow(2, failures - 1)) * (0.5 + Math.random() / 2);
  }

  function wait() {
    failures += 1;
    timer = setTimeout(flush, pause());
  }

  function attempt({ id, kind, answer }, done) {
    const fail = (error) => {
      onError(error);
      end(false);
    };
    const timeout = setTimeout(() => end(false), REPORT_TIMEOUT_MS);
    let ended = false;
    function end(isTaken) {
      if (ended) return;
      ended = true;
      clearTimeout(timeout);
      done(isTaken);
    }
    try {
      Promise.resolve(report({ id, kind, answer })).then((result) => {
        if (result === true) {
          taken.add(id);
          change((entries) => entries);
        }
        end(result === true);
      }, fail);
    } catch (error) {
      fail(error);
    }
  }

  /** Reports now what waits. */
  function flush() {
    if (sending) return;
    clearTimeout(timer);
    const known = stored();
    const [entry] = (known || []).concat(unsaved);
    if (!entry) {
      // Out of reach is not empty.
      if (!known) wait();
      return;
    }
    sending = entry.id;
    attempt(entry, (isTaken) => {
      sending = null;
      if (!isTaken) return wait();
      failures = 0;
      flush();
    });
  }

  /** Keeps an answer, and begins to report. */
  function add(kind, answer) {
    const entry = { id: newId(), kind, answer };
    let kept = false;
    change((entries) => {
      const last = entries[entries.length - 1];
      if (kind === 'setting' && last && last.kind === kind && last.id !== sending) entries.pop();
      const minor = entries.findIndex((e) => isMinor(e) && e.id !== sending);
      if (entries.length >= MOST && minor >= 0) entries.splice(minor, 1);
      // `ask` made sure of room for a player's answer; the settings come again at the next login.
      kept = entries.length < MOST || (kind !== 'setting' && !isMinor(entry));
      return kept ? entries.concat(entry) : entries;
    });
    flush();
    return { id: entry.id, saved: kept && !unsaved.includes(entry) };
  }

  return {
    add,
    flush,
    size: () => list().length,
    /** Whether another answer of the player can be kept. */
    hasRoom: () => list().filter((entry) => !isMinor(entry)).length < MOST,
  };
}
