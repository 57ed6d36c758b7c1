#!/usr/bin/env bash
# From a fresh clone to records in Kafka: build, start, drop a file, follow its job, show what came of it.
#
#   quickstart.sh          the Palmer penguins, samples/penguins.csv, under the model `penguins`
#   quickstart.sh FILE     your CSV, NDJSON or Parquet file, under the model `default_model` (schemas/default.json)
#
# The stack runs on; scripts/down.sh stops it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/stack.sh"

usage() { printf 'usage: scripts/quickstart.sh [FILE]\n'; }

choose_file() {
  case $#:${1:-} in
    0:)
      file=$root/samples/penguins.csv model=penguins schema=$root/schemas/penguins.json
      folder=incoming/penguins
      ;;
    1:-h | 1:--help) usage; exit ;;
    1:*)
      file=$(realpath -- "$1") model='' schema=$root/schemas/default.json
      folder=incoming
      ;;
    *) usage >&2; exit 2 ;;
  esac
  [ -f "$file" ] && [ -r "$file" ] || fail "cannot read $file; name a CSV, NDJSON or Parquet file"
  name=$(basename -- "$file")
  case $name in
    .* | _* | *.part | *.tmp | *.crdownload | *~) fail "the drop folder leaves names like $name alone; rename it" ;;
  esac
}

create_model() {
  local said=$run/model.err
  "$batch" model create "$model" "$schema" > /dev/null 2> "$said" && return
  if "$batch" model show "$model" > /dev/null 2>&1; then
    say "the model $model exists with another schema; it is used as it is"
  else
    cat "$said" >&2
    exit 1
  fi
}

# The ids of the jobs of files of this name, newest first.
jobs_of_file() {
  "$batch" job list --query "$name" --limit 100 2>/dev/null | "$python" -c '
import json, sys

for job in json.load(sys.stdin):
    if job["file"] == sys.argv[1]:
        print(job["job_id"])
' "$name"
}

# Complete under a hidden name first, then visible at once: nobody ever reads half a file.
drop_file() {
  local part=$dropzone/$folder/.quickstart.$$.part
  mkdir -p "$dropzone/$folder"
  cp -- "$file" "$part"
  mv -f -- "$part" "$dropzone/$folder/$name"
}

# Set `job` to the one that is not among the ids in $1.
find_job() {
  local id deadline=$((SECONDS + 60))
  while [ $SECONDS -lt $deadline ]; do
    for id in $(jobs_of_file || true); do
      if [[ $'\n'$1$'\n' != *$'\n'$id$'\n'* ]]; then job=$id; return; fi
    done
    sleep 0.3
  done
  fail "the file was not taken within 60 s; $log_hint"
}

print_summary() {
  "$python" -c '
import json, sys

job = json.load(sys.stdin)
to = " to topic {topic}" if job["rows_delivered"] else ""
text = "    {state}: {rows_read:,} rows read, {rows_delivered:,} delivered" + to + ", {rows_rejected:,} rejected"
print(text.format(**job))
'
}

print_reasons() {
  "$python" -c '
import json, sys

rejects = [json.loads(line) for line in sys.stdin]
for reject in rejects:
    for error in reject["errors"]:
        place = "row {row}".format(**reject) + (", {column}".format(**error) if error["column"] else "")
        print("    {}: {message} ({code})".format(place, **error))
    print("        " + json.dumps(reject["raw"][:100], ensure_ascii=False))
if not rejects:
    print("    none")
'
}

follow_job() {
  say "its first records, as they are committed:"
  # how the job ends is for the wait below to say
  { "$batch" job tail "$job" 2>/dev/null || true; } | head -n 5
  say "waiting for its end"
  "$batch" job wait "$job" > "$run/job.json" || code=$?
  # 3 is a job that failed; anything else but 0 has been said, and there is no job to show
  case $code in 0 | 3) ;; *) exit "$code" ;; esac
  print_summary < "$run/job.json"
}

show_rejects() {
  say "its first rejects and their reasons (all: bin/batch job rejects $job):"
  "$batch" job rejects "$job" --limit 5 | print_reasons
}

show_the_way() {
  say "where to look next"
  if [ "$code" = 0 ]; then
    printf '    bin/batch job tail %s    all its records\n' "$job"
  else
    printf '    bin/batch job show %s    the job and its error; its file lies in %s\n' "$job" "$dropzone/failed/$job"
  fi
  cat <<END
    $url/ui/    the status page
    bin/batch job list    all jobs
    $dropzone/incoming/    drop CSV, NDJSON or Parquet files here, or into a folder named after a model
    scripts/down.sh    stops all of it
END
}

choose_file "$@"
if [ "$(broker_mode)" = local ]; then "$root/scripts/kafka/broker.sh" check; fi
"$root/scripts/up.sh"
read_settings
model=${model:-$default_model}
if ! $in_image; then export BATCH_URL=$url; fi
create_model
before=$(jobs_of_file) || fail "the worker does not list its jobs; its log is $worker_dir/worker.log"
say "dropping $name into $dropzone/$folder; its model is $model"
if [ "$folder" = incoming ]; then say "columns that it does not know are taken as strings; README.md says how to make a model"; fi
drop_file
if [ ! -s "$file" ]; then say "an empty file may still be written: it is taken when nothing has come for 20 s"; fi
find_job "$before"
say "it became job $job"
code=0
follow_job
show_rejects
show_the_way
exit "$code"
