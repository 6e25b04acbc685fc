#!/usr/bin/env bash
# Gives an archive to some of a deployment's apps: infra/azure/deliver.sh GROUP ARCHIVE workers|staging|public...
set -euo pipefail
group=${1:?the name of the resource group} archive=${2:?the archive} _=${3:?workers, staging or public}
shift 2

for which in "$@"; do
  case $which in
    public) output=name ;;
    workers | staging) output=${which}Name ;;
    *) echo "There is no app $which: workers, staging or public." >&2 && exit 2 ;;
  esac
  app=$(az deployment group show --resource-group "$group" --name main --query "properties.outputs.$output.value" \
    --output tsv)
  az functionapp deployment source config-zip --resource-group "$group" --name "$app" --src "$archive" \
    --build-remote true --output none
done
