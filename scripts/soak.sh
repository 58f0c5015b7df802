#!/usr/bin/env bash
# A mixed load for a long time: three processes with 32 threads each on one store, two of which are killed every second or
# so. On a file (the default) the disk is full now and then, and the wall clock is set back and forth by up to three
# seconds; in a cluster a master dies or stands still every few seconds. In the end the library's counts and the
# simulator's must agree, no message may have arrived twice, no player may have had two requests at once, and the process
# that lived through it takes no more memory, threads and files than before, nor does the store for each message.
#
#   scripts/soak.sh [MINUTES] [file|redis|cluster]
set -euo pipefail
cd "$(dirname "$0")/.."

minutes=${1:-60}
case ${2:-file} in
  file) test=a_fleet_works_on_a_file_through_a_storm ;;
  redis) test=a_fleet_works_on_a_server_that_syncs_each_write ;;
  cluster) test=a_fleet_works_on_a_cluster_through_failovers ;;
  *) echo "usage: scripts/soak.sh [MINUTES] [file|redis|cluster]" >&2; exit 2 ;;
esac
export WXSUB_FLEET_SECONDS=$((minutes * 60))
exec cargo test --test fleet "$test" -- --nocapture
