# PostgreSQL, reached by the functions through a network of their own.
#
# The app signs in with a password, because it connects by one URL and Cloud SQL takes an IAM token only as a password
# that is new each hour. The password is in Secret Manager, and no person has it.

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
    availability_type = "ZONAL"
    disk_autoresize   = true

    ip_configuration {
      # The public address admits nobody by address. It is for Google's own proxy, which asks IAM who is there: the way
      # by which a migration gets in.
      ipv4_enabled    = true
      private_network = google_compute_network.app.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true

      backup_retention_settings {
        retained_backups = 14
      }
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

resource "google_sql_user" "footprint" {
  instance            = google_sql_database_instance.main.name
  name                = "footprint"
  password_wo         = var.database_password
  password_wo_version = var.secrets_version
}
