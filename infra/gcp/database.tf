# PostgreSQL, reached by the functions through a network of their own.
#
# No password: the functions sign in with tokens of their accounts. `runtime` makes the tables, so it is given the role
# `cloudsqlsuperuser`, once, by `gcloud sql users assign-roles`, which Terraform's provider has no word for.

locals {
  # By its address, since it has no name in the network; what its certificate is held against is the name in there.
  database_host = one(google_sql_database_instance.main.dns_names[*].name)
  database_urls = {
    for kind, user in google_sql_user.app : kind => "postgresql+psycopg://${urlencode(user.name)}@/footprint?host=${local.database_host}&hostaddr=${google_sql_database_instance.main.private_ip_address}&sslrootcert=${local.authority_file}"
  }

  authority_folder = "/etc/footprint"
  authority_file   = "${local.authority_folder}/database.pem"
}

resource "google_compute_network" "app" {
  name                    = var.name
  auto_create_subnetworks = false
  depends_on              = [google_project_service.needed]
}

resource "google_compute_global_address" "database" {
  name          = "${var.name}-database"
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
  network       = google_compute_network.app.id
}

resource "google_service_networking_connection" "database" {
  network                 = google_compute_network.app.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.database.name]
  deletion_policy         = "ABANDON" # Google lets go of it only hours after the database is gone
}

resource "google_vpc_access_connector" "app" {
  name          = var.name
  region        = var.region
  network       = google_compute_network.app.name
  ip_cidr_range = "10.8.0.0/28"
  min_instances = 2
  max_instances = 3
}

resource "google_sql_database_instance" "main" {
  name                = var.name
  region              = var.region
  database_version    = "POSTGRES_18"
  deletion_protection = true
  depends_on          = [google_service_networking_connection.database]

  settings {
    edition           = "ENTERPRISE"
    tier              = "db-custom-1-3840"
    availability_type = var.zone_redundant ? "REGIONAL" : "ZONAL"
    disk_autoresize   = true

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.app.id
      ssl_mode        = "ENCRYPTED_ONLY"
      server_ca_mode  = "GOOGLE_MANAGED_CAS_CA" # the others' certificates have no name to verify
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true

      backup_retention_settings {
        retained_backups = 14
      }
    }

    database_flags {
      name  = "cloudsql.iam_authentication"
      value = "on"
    }

    # Who came and went, and what had to wait. No statements: they hold customers' names.
    database_flags {
      name  = "log_checkpoints"
      value = "on"
    }

    # All instances of all functions with FOOTPRINT_DATABASE_CONNECTIONS each, and some for people and backups.
    database_flags {
      name  = "max_connections"
      value = "200"
    }

    database_flags {
      name  = "log_connections"
      value = "on"
    }

    database_flags {
      name  = "log_disconnections"
      value = "on"
    }

    database_flags {
      name  = "log_lock_waits"
      value = "on"
    }
  }
}

resource "google_sql_database" "footprint" {
  instance = google_sql_database_instance.main.name
  name     = "footprint"
}

resource "google_sql_user" "app" {
  for_each = local.members
  instance = google_sql_database_instance.main.name
  name     = trimsuffix(trimprefix(each.value, "serviceAccount:"), ".gserviceaccount.com")
  type     = "CLOUD_IAM_SERVICE_ACCOUNT"
}

resource "google_project_iam_member" "signs_in" {
  for_each = local.members
  project  = var.project
  role     = "roles/cloudsql.instanceUser"
  member   = each.value
}

# The database's authority is no secret; a file beside a function can only be one.
resource "google_secret_manager_secret" "authority" {
  secret_id = "${var.name}-database-authority"

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret_version" "authority" {
  secret      = google_secret_manager_secret.authority.id
  secret_data = google_sql_database_instance.main.server_ca_cert[0].cert
}

resource "google_secret_manager_secret_iam_member" "reads_authority" {
  for_each  = local.members
  secret_id = google_secret_manager_secret.authority.id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value
}
