#!/usr/bin/env bash
# Takes a deployment away: infra/gcp/down.sh PROJECT. First revoke every connection and wait for its certificate: without
# the deployment nobody takes anything out of a customer's domain again. The project can be brought back for 30 days.
set -euo pipefail
cd "$(dirname "$0")/../.."
project=${1:?the id of the project}
terraform -chdir=infra/gcp init -input=false -reconfigure -backend-config="bucket=$project-state" >/dev/null
url=$(terraform -chdir=infra/gcp output -raw public_url)
read -r -p "Everything in $project is deleted, with every connection's record. Type its name to go on: " typed
[ "$typed" = "$project" ]
.venv/bin/python -m infra.entra --url "$url" --credential "$project" --remove
gcloud projects delete "$project" --quiet
