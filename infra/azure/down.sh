#!/usr/bin/env bash
# Takes a deployment away: infra/azure/down.sh GROUP. First revoke every connection and wait for its certificate: without
# the deployment nobody takes anything out of a customer's tenant again.
set -euo pipefail
cd "$(dirname "$0")/../.."
group=${1:?the name of the resource group}
url=$(az deployment group show --resource-group "$group" --name main --query properties.outputs.publicUrl.value --output tsv)
[ -n "$url" ] || { echo "The last deployment failed: run infra/azure/up.sh first." >&2 && exit 1; }
read -r -p "Everything in $group is deleted, with every connection's record. Type its name to go on: " typed
[ "$typed" = "$group" ]
.venv/bin/python -m infra.entra --url "$url" --credential "$group" --remove
az group delete --name "$group" --yes
