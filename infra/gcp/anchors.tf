# The heads of the ledgers, an object an hour, which nobody can change or delete before its time: the lock cannot be taken
# off again, by the owner of the project neither.

resource "google_storage_bucket" "anchors" {
  name                        = "${var.project}-${var.name}-anchors"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  retention_policy {
    is_locked        = true
    retention_period = "315360000" # ten years
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_storage_bucket_iam_member" "runtime_anchors" {
  for_each = toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])
  bucket   = google_storage_bucket.anchors.name
  role     = each.key
  member   = google_service_account.runtime.member
}

# Who faces the internet proves by them.
resource "google_storage_bucket_iam_member" "public_anchors" {
  bucket = google_storage_bucket.anchors.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.public.member
}
