# The keys that wrap every connection's own keys, of content and of credentials, and the settings that are secrets.

locals {
  # Who may open content: who works, and who faces the internet.
  members = {
    runtime = google_service_account.runtime.member
    public  = google_service_account.public.member
  }

  # The console's and the scanner's are for the public functions too; all others open tenants or send mail.
  public_settings = toset([
    for name in var.secret_settings : name
    if can(regex("^(FOOTPRINT_OPERATORS__|FOOTPRINT_SCANNER__)", name))
  ])
}

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

resource "google_kms_crypto_key" "credentials" {
  name                       = "credentials"
  key_ring                   = google_kms_key_ring.main.id
  rotation_period            = "7776000s"
  destroy_scheduled_duration = "2592000s"

  lifecycle {
    prevent_destroy = true # without it every customer has to consent again
  }
}

resource "google_kms_crypto_key_iam_member" "wraps" {
  for_each      = local.members
  crypto_key_id = google_kms_crypto_key.master.id
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = each.value
}

# Nobody but who works.
resource "google_kms_crypto_key_iam_member" "runtime_opens_credentials" {
  crypto_key_id = google_kms_crypto_key.credentials.id
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

resource "google_secret_manager_secret_iam_member" "public_reads" {
  for_each  = local.public_settings
  secret_id = google_secret_manager_secret.setting[each.key].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.public.member
}
