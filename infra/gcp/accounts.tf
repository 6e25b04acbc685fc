# Three accounts: who the app is, who calls it, and who builds it. None has a key.

resource "google_service_account" "runtime" {
  account_id   = "${var.name}-runtime"
  display_name = "Footprint"
  description  = "Who the app is, and whom customers' administrators delegate to."
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
resource "google_service_account_iam_member" "runtime_sends" {
  service_account_id = google_service_account.invoker.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.runtime.member
}

resource "google_project_iam_member" "builder_builds" {
  project = var.project
  role    = "roles/cloudbuild.builds.builder"
  member  = google_service_account.builder.member
}
