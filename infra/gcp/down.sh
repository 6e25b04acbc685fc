#!/usr/bin/env bash
# Takes a deployment away: infra/gcp/down.sh PROJECT. First revoke every connection and wait for its certificate: without
# the deployment nobody takes anything out of a customer's domain again. The project can be brought back for 30 days.
set -euo pipefail
cd "$(dirname "$0")/../.."
project=${1:?the id of the project}
terraform -chdir=infra/gcp init -input=false -reconfigure -backend-config="bucket=$project-state" >/dev/null
url=$(terraform -chdir=infra/gcp output -raw public_url)
# The lock of the anchors' bucket holds the whole project: https://cloud.google.com/storage/docs/bucket-lock
liens=$(gcloud alpha resource-manager liens list --project "$project" --format 'value(name.basename())')
if [ -n "$liens" ]; then
  cat >&2 <<STEPS
Google keeps $project, for the anchors in it are locked for ten years. Nothing was changed. To delete them with
everything else, take the lock's hold off the project, then run this again:
STEPS
  # shellcheck disable=SC2086 # a line for each
  printf 'gcloud alpha resource-manager liens delete %s\n' $liens >&2
  exit 1
fi
read -r -p "Everything in $project is deleted, with every connection's record. Type its name to go on: " typed
[ "$typed" = "$project" ]
.venv/bin/python -m infra.entra --url "$url" --credential "$project" --remove
gcloud projects delete "$project" --quiet
