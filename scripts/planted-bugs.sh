#!/usr/bin/env bash
# Plants bugs into a copy of the ledger's rules, and shows that the world by seed (scripts/world.sh) finds each of them
# within a minute of CPU. It builds the library's tests once more.
#
#   scripts/planted-bugs.sh [BUG …]      all by default
#   scripts/planted-bugs.sh --list       plants all, runs nothing, and tells their names
set -euo pipefail
cd "$(dirname "$0")/.."

copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
if [ "${1:-}" = --list ]; then
  cp -r src "$copy"
else
  git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
fi
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}
bugs=()

# plant NAME FILE OLD NEW: OLD stands once in the file; in NEW, HERE is whether this bug is chosen.
plant() {
  python3 - "$copy/src/ledger/$2" "$3" "${4//HERE/crate::is_planted(\"$1\")}" <<'PYTHON'
import sys
path, old, new = sys.argv[1:]
text = open(path).read()
if text.count(old) != 1:
    sys.exit(f"wxsub: {path} has this {text.count(old)} times, so nothing can be planted: {old}")
open(path, "w").write(text.replace(old, new))
PYTHON
  bugs+=("$1")
}

# The key of a send whose process died is free.
plant dead-key-is-free key.rs 'verdict: verdict::found_running(), effect: true' \
  'verdict: verdict::found_running(), effect: !HERE'
# A player's lease ends before its holder stops.
plant lease-ends-early send.rs '.map(|lease| lease.left_ms).filter(|ms| *ms > 0)' \
  '.map(|lease| lease.left_ms).filter(|ms| *ms > if HERE { 1500 } else { 0 })'
# A report that is made again with its key counts again.
plant report-forgets-its-key player_answer.rs '= (key_name, had_effect, applied.kept())' \
  '= (key_name, had_effect && !HERE, applied.kept())'
# WeChat's refusal takes grants that came after the send's hold.
plant refusal-takes-later-grants settle.rs 'count.spent = count.spent.max(granted);' \
  'count.spent = if HERE { count.granted } else { count.spent.max(granted) };'
# A message whose process died is sent again.
plant dead-message-is-sent-again recovery.rs 'if message.payload.resend {' 'if message.payload.resend || HERE {'
# A step whose answer was lost is taken again, though it was done.
plant done-step-is-repeated player.rs 'if now.contains(&step_id) {' 'if now.contains(&step_id) && !HERE {'
# A pairing mark is not used up, so that a second accept is taken for the first.
plant mark-stays pairing.rs 'oldest.inspect(|at| drop(marks.remove(*at))).is_some()' \
  'oldest.inspect(|at| if !HERE { drop(marks.remove(*at)) }).is_some()'
# A message that was cancelled or replaced since it was read is sent.
plant cancelled-is-sent send.rs '|| Message::load(view, name)?.as_ref() != Some(seen))' \
  '|| (Message::load(view, name)?.as_ref() != Some(seen) && !HERE))'
# A holder that comes back late spends a unit for a message of which WeChat's event told, and which settled another send.
plant late-holder-spends-again settle.rs 'if matches!(owned, Owned::Doubt { .. }) && player' \
  'if !HERE && matches!(owned, Owned::Doubt { .. }) && player'
# WeChat's event of a message whose answer is known settles another send in doubt.
plant known-message-settles-another late.rs 'if was_sent || player' 'if (was_sent && !HERE) || player'
# The funnel counts the end of a send whose message another process sends again.
plant end-is-counted-twice settle.rs 'matches!(self, Owned::Lease { counted: true } |' \
  'HERE && matches!(self, Owned::Lease { .. }) || matches!(self, Owned::Lease { counted: true } |'
# Accepts that follow each other are one entry of the history.
plant accepts-are-one-entry journal/entry.rs 'effect != Effect::Granted)' 'effect != Effect::Granted || HERE)'
# A send of a campaign leaves no mark with its player.
plant campaign-leaves-no-mark send.rs 'player.recent.note_had(campaign.number, Standing::Begun, campaign.remember_ms);' \
  'if !HERE { player.recent.note_had(campaign.number, Standing::Begun, campaign.remember_ms); }'
# A slice is given to a second process while the first one works on it.
plant slice-is-given-twice campaign/beat.rs 'find(|slice| slice.left_ms == 0 && !is_told(slice))?' \
  'find(|slice| (slice.left_ms == 0 || HERE) && !is_told(slice))?'
# A part of a list that is added again with its key is on it twice.
plant list-forgets-its-key campaign/added.rs 'self.calls.iter().find(|call| call.key == key)' \
  'self.calls.iter().find(|call| call.key == key && !HERE)'
# A campaign that is paused gives slices out.
plant paused-goes-on campaign/beat.rs 'if run.state == super::State::Running {' \
  'if run.state == super::State::Running || HERE {'
# A campaign leaves one less than it shall.
plant leaves-one-less rules.rs '(left, false) if left <= leave' '(left, false) if left < leave + u64::from(!HERE)'
# A campaign reaches who is muted.
plant mute-is-not-asked rules.rs '(bound.rules || bound.campaign.is_some())' \
  '(bound.rules || (bound.campaign.is_some() && !HERE))'
# Caps do not count what was maybe sent.
plant caps-forget-doubts recent/mod.rs 'self.in_doubt.push(InDoubt { send, age_ms: 0 });
            self.note_taken();' 'self.in_doubt.push(InDoubt { send, age_ms: 0 });
            if !HERE { self.note_taken(); }'
# A budget is each process's own.
plant budget-is-each-ones budget.rs 'saturating_sub(day.without(claim.process).saturating_add(claim.used))' \
  'saturating_sub(if HERE { claim.used } else { day.without(claim.process).saturating_add(claim.used) })'
# An event of a life that was forgotten begins the next one.
plant old-event-begins-a-life forget.rs '|forgotten_ms| forgotten_ms > at_ms' '|forgotten_ms| forgotten_ms > at_ms && !HERE'
cat >>"$copy/src/lib.rs" <<'RUST'

/// Whether this bug is the one.
pub(crate) fn is_planted(name: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("WXSUB_PLANTED").unwrap_or_default()) == name
}
RUST

if [ "${1:-}" = --list ]; then
  printf '%s\n' "${bugs[@]}"
  exit
fi
cd "$copy"
test=(cargo test --quiet --lib ledger::tests::world::history::every -- --nocapture)
"${test[@]}" >/dev/null
missed=()
[ $# -gt 0 ] || set -- "${bugs[@]}"
for bug; do
  began=$(date +%s%N)
  if WXSUB_PLANTED=$bug WXSUB_WORLD_FIRST=1 WXSUB_WORLD_SECONDS=60 "${test[@]}" >told 2>&1; then
    missed+=("$bug")
    echo "wxsub: $bug: NOT found"
  else
    ms=$((($(date +%s%N) - began) / 1000000))
    found=$(grep -o 'found after .*' told | head -1)
    echo "wxsub: $bug: $found, $ms ms with its shrinking: $(grep '^seed ' told | head -1 | cut -c1-200)"
    grep '^as a test' told
  fi
done
[ ${#missed[@]} -eq 0 ] || { echo "wxsub: missed: ${missed[*]}" >&2; exit 1; }
