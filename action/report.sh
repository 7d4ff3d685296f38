#!/usr/bin/env bash
# Writes what the run $RUN, kept in the folder $STATE, told into a folder, and puts the action that uploads it where the next step finds it.
set -euo pipefail

ACTION=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
UPLOAD=${GITHUB_WORKSPACE:?}/.sealock-upload-report

folder=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-/tmp}}/sealock-report-XXXXXX")
show() { "$BINARY" ${STATE:+--state "$STATE"} show "$RUN" "$@"; }
show --format jsonl >"$folder/events.jsonl"
show --format plain >"$folder/log.txt"

# Whatever is there under this name came with the repository and is not run.
rm -rf "$UPLOAD"
mkdir "$UPLOAD"
cp "$ACTION/upload-report/action.yml" "$UPLOAD"
printf 'path=%s\n' "$folder" >>"$GITHUB_OUTPUT"
