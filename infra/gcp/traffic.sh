#!/usr/bin/env bash
# Says which revisions of the functions serve: infra/gcp/traffic.sh PROJECT REGION ACT [FUNCTION...]
#   hold   each function stays with the revision that serves now, which is remembered; a new one gets no traffic
#   try    the newest revision of one function gets an address of its own, which is printed, and no traffic
#   shift  the newest revisions of some functions get all traffic
#   back   the revisions that were remembered get all traffic
# https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration
set -euo pipefail
project=${1:?the id of the project} region=${2:?the region} act=${3:?hold, try, shift or back}
shift 3

told() { gcloud run services describe "footprint-$1" --project "$project" --region "$region" --format json | jq -er "$2"; }
traffic() {
  gcloud run services update-traffic "footprint-$1" --project "$project" --region "$region" "${@:2}" --quiet >&2
}

case $act in
  hold)
    for function in job schedule http; do
      serves=$(told "$function" '.status.traffic[] | select(.percent == 100) | .revisionName')
      traffic "$function" --to-revisions "$serves=100" --update-tags "before=$serves"
    done
    ;;
  try)
    traffic "$1" --update-tags "try=$(told "$1" .status.latestReadyRevisionName)"
    told "$1" '.status.traffic[] | select(.tag == "try") | .url'
    ;;
  shift)
    for function in "$@"; do
      traffic "$function" --to-revisions "$(told "$function" .status.latestReadyRevisionName)=100"
    done
    ;;
  back)
    for function in job schedule http; do
      traffic "$function" --to-tags before=100
    done
    ;;
  *) echo "There is no act $act: hold, try, shift or back." >&2 && exit 2 ;;
esac
