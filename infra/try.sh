#!/usr/bin/env bash
# Lives the smoke life at an address, as who is signed in to `az`: infra/try.sh URL
# In the environment: SITE, AUDIENCE (the operators' application), PLATFORM if one alone is served, and CONNECTION if one
# of one's own runs.
set -euo pipefail
cd "$(dirname "$0")/.."
export FOOTPRINT_URL=${1:?the address}
# https://learn.microsoft.com/entra/identity-platform/scopes-oidc#the-default-scope
FOOTPRINT_TOKEN=$(az account get-access-token --scope "${AUDIENCE:?}/.default" --query accessToken --output tsv)
export FOOTPRINT_TOKEN
[ -z "${GITHUB_ACTIONS:-}" ] || echo "::add-mask::$FOOTPRINT_TOKEN"
.venv/bin/python -m infra.smoke --site "${SITE:?}" ${PLATFORM:+--platform "$PLATFORM"} \
  ${CONNECTION:+--connection "$CONNECTION"}
