# Four accounts: who works, who faces the internet, who calls them, and who builds them. None has a key.

resource "google_service_account" "runtime" {
  account_id   = "${var.name}-runtime"
  display_name = "Footprint"
  description  = "Who works, opens credentials, and whom customers' administrators delegate to."
}

resource "google_service_account" "public" {
  account_id   = "${var.name}-public"
  display_name = "Footprint's public function"
  description  = "Who faces the internet: it opens content, and sends tasks."
}

resource "google_service_account" "invoker" {
  account_id   = "${var.name}-invoker"
  display_name = "Footprint's queues, schedules and notifications"
  description  = "In whose name they call the functions."
}

resource "google_service_account" "builder" {
  account_id   = "${var.name}-builder"
  display_name = "Footprint's builds"
}

# Domain-wide delegation without a key: the account has itself signed for.
resource "google_service_account_iam_member" "runtime_signs" {
  service_account_id = google_service_account.runtime.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = google_service_account.runtime.member
}

# A task that the app sends will call in the invoker's name.
resource "google_service_account_iam_member" "sends" {
  for_each           = local.members
  service_account_id = google_service_account.invoker.name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value
}

resource "google_project_iam_member" "builder_builds" {
  project = var.project
  role    = "roles/cloudbuild.builds.builder"
  member  = google_service_account.builder.member
}
