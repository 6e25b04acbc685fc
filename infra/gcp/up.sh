#!/usr/bin/env bash
# Brings a deployment up, or up to date: infra/gcp/up.sh PROJECT SITE BILLING_ACCOUNT, as who is signed in to `gcloud`
# and `az`. Whatever is there already is left or brought to what the files say, so that it may be run again after any
# failure. Where a person has to do something at Google first, it says what, and ends.
set -euo pipefail
cd "$(dirname "$0")/../.."
project=${1:?the id of the project} site=${2:?the name of a file in infra/gcp/sites} billing=${3:?the billing account}
variables=infra/gcp/sites/$site.tfvars
umask 077
# Terraform takes it for what it is by its name.
folder=$(mktemp -d) && trap 'rm -rf "$folder"' EXIT
given=$folder/given.tfvars.json

stated() { sed -n "s/^ *$1 *= *\"\(.*\)\"/\1/p" "$variables"; }
terraform_() { terraform -chdir=infra/gcp "$@"; }
apply() { terraform_ apply -auto-approve -input=false -var-file="sites/$site.tfvars" -var "project=$project" "$@"; }
# An answer that cannot be had is not taken for "no": a new secret of the console would end the one that is kept.
kept() {
  [ -z "${NEW_SECRETS:-}" ] || return 1
  local found
  found=$(gcloud secrets list --project "$project" --filter "name:footprint-$1" --format 'value(name)') || exit 1
  [ -n "$found" ] || return 1
  found=$(gcloud secrets versions list "footprint-$1" --project "$project" --limit 1 --format 'value(name)') || exit 1
  [ -n "$found" ]
}

gcloud projects describe "$project" >/dev/null 2>&1 || gcloud projects create "$project"
if [ "$(gcloud billing projects describe "$project" --format 'value(billingEnabled)')" != True ]; then
  gcloud billing projects link "$project" --billing-account "$billing"
fi
gcloud services enable cloudresourcemanager.googleapis.com iam.googleapis.com secretmanager.googleapis.com \
  --project "$project"
region=$(stated region)
gcloud storage buckets describe "gs://$project-state" >/dev/null 2>&1 ||
  gcloud storage buckets create "gs://$project-state" --project "$project" --location "$region" \
    --uniform-bucket-level-access
number=$(gcloud projects describe "$project" --format 'value(projectNumber)')
url=$(stated public_url)
url=${url:-https://footprint-http-$number.$region.run.app}

# For these there is no API.
client=$(stated FOOTPRINT_GOOGLE__CLIENT_ID)
if [ "$client" = "${client#"$number-"}" ]; then
  cat <<STEPS
Two steps in Google's console, for which there is no API; then run this again.
1. https://console.cloud.google.com/auth/overview?project=$project
   Name: Footprint. Audience: external. Scopes: openid, email.
2. https://console.cloud.google.com/auth/clients/create?project=$project
   Type: web application. Authorised redirect URI: $url/api/consent/google
   Its id is FOOTPRINT_GOOGLE__CLIENT_ID in $variables; its secret is asked for by this script, once.
STEPS
  exit 1
fi
if ! kept google--client-secret; then
  read -r -s -p "Client secret of $client: " secret && echo
fi

make package-gcp
terraform_ init -input=false -reconfigure -backend-config="bucket=$project-state" >/dev/null
# Our applications are told of the runtime account.
apply -target=google_service_account.runtime
subject=$(terraform_ output -raw runtime_unique_id)
flag=--console-secret
if kept operators--client-secret; then flag=; fi
.venv/bin/python -m infra.entra --url "$url" --credential "$project" \
  --issuer https://accounts.google.com --subject "$subject" --form terraform $flag >"$given"
if [ -n "${secret:-}" ]; then
  SECRET=$secret .venv/bin/python - "$given" <<'PYTHON'
import json, os, pathlib, sys

file = pathlib.Path(sys.argv[1])
given = json.loads(file.read_text())
given.setdefault("secrets", {})["FOOTPRINT_GOOGLE__CLIENT_SECRET"] = os.environ["SECRET"]
file.write_text(json.dumps(given))
PYTHON
fi
apply -var-file="$given"

# It owns the tables. Terraform's provider has no word for that.
user=$(terraform_ output -raw database_user)
roles=$(gcloud sql users list --instance footprint --project "$project" --filter "name=$user" \
  --format 'value(databaseRoles)')
case $roles in
  *cloudsqlsuperuser*) ;;
  *) gcloud sql users assign-roles "$user" --instance footprint --project "$project" --type CLOUD_IAM_SERVICE_ACCOUNT \
    --database-roles cloudsqlsuperuser ;;
esac

# A timer makes the tables, within five minutes of the start.
curl --fail --silent --show-error --output /dev/null --retry 60 --retry-delay 15 --retry-all-errors "$url/api/health/ready"
cat <<STEPS
It works: $url
Operators are the members of the group footprint-operators.
An administrator who delegates by hand, and the Marketplace listing, name the client id $subject.
STEPS
