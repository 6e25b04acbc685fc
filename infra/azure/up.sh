#!/usr/bin/env bash
# Brings a deployment up, or up to date: infra/azure/up.sh GROUP SITE [further --parameters], as who is signed in to `az`.
# Whatever is there already is left or brought to what the files say, so that it may be run again after any failure.
set -euo pipefail
cd "$(dirname "$0")/../.."
group=${1:?the name of the resource group} site=${2:?the name of a file in infra/azure/sites}
parameters=infra/azure/sites/$site.json
shift 2
more=("$@")
umask 077
said=$(mktemp) && trap 'rm -f "$said"' EXIT

deploy() {
  az deployment group create --resource-group "$group" --name main --template-file infra/azure/main.bicep \
    --parameters "$parameters" ${more[@]+"${more[@]}"} "$@" --output none
}
output() {
  az deployment group show --resource-group "$group" --name main --query "properties.outputs.$1.value" --output tsv
}

read_location='import json, sys; print(json.load(open(sys.argv[1]))["parameters"]["location"]["value"])'
location=$(.venv/bin/python -c "$read_location" "$parameters")
az group create --name "$group" --location "$location" --output none

# Our applications are told of the identity and the address, which are there after a first deployment.
url=$(output publicUrl 2>/dev/null) || true
if [ -z "$url" ]; then
  deploy
  url=$(output publicUrl)
fi
name=$(output name)
secret=--console-secret
if [ -z "${NEW_SECRET:-}" ] && az resource show --resource-group "$group" --namespace Microsoft.KeyVault \
  --parent "vaults/$name" --resource-type secrets --name footprint-operators--client-secret --output none 2>/dev/null; then
  secret=
fi
.venv/bin/python -m infra.entra --url "$url" --credential "$group" --subject "$(output identityPrincipalId)" \
  --form azure $secret >"$said"
deploy --parameters "@$said"

make package-azure
infra/azure/deliver.sh "$group" dist/footprint-azure.zip workers public

# A timer makes the tables, within five minutes of the start.
curl --fail --silent --show-error --output /dev/null --retry 60 --retry-delay 15 --retry-all-errors "$url/api/health/ready"
printf '%s\n' "It works: $url" "Operators are the members of the group footprint-operators."
