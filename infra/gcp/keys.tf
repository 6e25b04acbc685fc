# The key that wraps every connection's own key, and the settings that are secrets.

resource "google_kms_key_ring" "main" {
  name       = var.name
  location   = var.region
  depends_on = [google_project_service.needed]
}

resource "google_kms_crypto_key" "master" {
  name                       = "master"
  key_ring                   = google_kms_key_ring.main.id
  rotation_period            = "7776000s" # 90 days; older versions still open
  destroy_scheduled_duration = "2592000s"

  lifecycle {
    prevent_destroy = true # without it nothing that is stored can be read again
  }
}

resource "google_kms_crypto_key_iam_member" "runtime_wraps" {
  crypto_key_id = google_kms_crypto_key.master.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = google_service_account.runtime.member
}

resource "google_secret_manager_secret" "setting" {
  for_each  = var.secret_settings
  secret_id = "${var.name}-${lower(replace(trimprefix(each.key, "FOOTPRINT_"), "_", "-"))}"

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret_version" "setting" {
  for_each               = var.secret_settings
  secret                 = google_secret_manager_secret.setting[each.key].id
  secret_data_wo         = lookup(var.secrets, each.key, "not given") # written with a new secrets_version only
  secret_data_wo_version = var.secrets_version
}

resource "google_secret_manager_secret_iam_member" "runtime_reads" {
  for_each  = var.secret_settings
  secret_id = google_secret_manager_secret.setting[each.key].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.runtime.member
}
