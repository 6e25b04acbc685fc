# One archive, three entry points: for browsers, for queues and for schedules.

locals {
  functions = {
    # Browsers, webhooks and operators: open, since every route guards itself. One instance waits, so that an
    # administrator's consent never meets a cold start.
    http = { is = "public", memory = "512Mi", ingress = "ALLOW_ALL", timeout = 60, least = 1, most = 10, at_once = 20, caller = "allUsers" }
    # Work: ten minutes, as long as a job is hidden while it runs.
    job = { is = "private", memory = "1024Mi", ingress = "ALLOW_INTERNAL_ONLY", timeout = 600, least = 0, most = 20, at_once = 8, caller = google_service_account.invoker.member }
    # Timers only send jobs.
    schedule = { is = "private", memory = "512Mi", ingress = "ALLOW_INTERNAL_ONLY", timeout = 600, least = 0, most = 2, at_once = 8, caller = google_service_account.invoker.member }
  }

  settings = merge({
    FOOTPRINT_SITES                          = jsonencode(sort(var.sites))
    FOOTPRINT_PUBLIC_URL                     = local.public_url
    FOOTPRINT_QUEUE                          = "cloud-tasks"
    FOOTPRINT_DATABASE_IDENTITY              = "google"
    FOOTPRINT_DATABASE_CONNECTIONS           = "5"
    FOOTPRINT_CLOUD_TASKS__LOCATION          = "projects/${var.project}/locations/${var.region}"
    FOOTPRINT_CLOUD_TASKS__ACCOUNT           = google_service_account.invoker.email
    FOOTPRINT_CLOUD_TASKS__JOB_URL           = local.urls["job"]
    FOOTPRINT_CLOUD_TASKS__SCHEDULE_URL      = local.urls["schedule"]
    FOOTPRINT_ANCHORS_BUCKET                 = "https://storage.googleapis.com/${google_storage_bucket.anchors.name}"
    FOOTPRINT_MASTER_KEY__KMS                = google_kms_crypto_key.master.id
    FOOTPRINT_GOOGLE__SERVICE_ACCOUNT        = google_service_account.runtime.email
    FOOTPRINT_GOOGLE__SERVICE_ACCOUNT_CLIENT = google_service_account.runtime.unique_id
    FOOTPRINT_GOOGLE__TOPIC                  = google_pubsub_topic.gmail.id
    FOOTPRINT_GOOGLE__PUSH_ACCOUNT           = google_service_account.invoker.email
    FOOTPRINT_TELEMETRY__NUMBERS             = "true"
  }, var.settings, var.applications)

  # Who faces the internet and who works: two identities, with what each may read. No further setting changes it.
  kinds = {
    public = {
      account = google_service_account.public.email
      secrets = local.public_settings
      settings = {
        FOOTPRINT_FUNCTIONS    = "public"
        FOOTPRINT_DATABASE_URL = local.database_urls["public"]
      }
    }
    private = {
      account = google_service_account.runtime.email
      secrets = var.secret_settings
      settings = {
        FOOTPRINT_FUNCTIONS             = "private"
        FOOTPRINT_DATABASE_URL          = local.database_urls["runtime"]
        FOOTPRINT_DATABASE_PUBLIC__NAME = google_sql_user.app["public"].name
        FOOTPRINT_CREDENTIALS_KEY__KMS  = google_kms_crypto_key.credentials.id
        FOOTPRINT_MICROSOFT__FEDERATED  = "google"
      }
    }
  }
}

resource "google_storage_bucket" "packages" {
  name                        = "${var.project}-${var.name}-packages"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true

  versioning {
    enabled = true
  }
}

resource "google_storage_bucket_object" "package" {
  bucket = google_storage_bucket.packages.name
  name   = "footprint-${filemd5(var.package)}.zip" # a new archive is a new object, so the functions are built anew
  source = var.package
}

resource "google_cloudfunctions2_function" "entry" {
  for_each = local.functions
  name     = "${var.name}-${each.key}"
  location = var.region

  build_config {
    runtime         = "python311"
    entry_point     = each.key
    service_account = google_service_account.builder.id

    # The build compiles what it is given and the image then loses all times of change: with this, compiled files are
    # valid by content instead, and a cold start does not compile them again.
    environment_variables = { SOURCE_DATE_EPOCH = "315532800" }

    source {
      storage_source {
        bucket = google_storage_bucket.packages.name
        object = google_storage_bucket_object.package.name
      }
    }
  }

  service_config {
    available_cpu                    = "1"
    available_memory                 = each.value.memory
    timeout_seconds                  = each.value.timeout
    min_instance_count               = each.value.least
    max_instance_count               = each.value.most
    max_instance_request_concurrency = each.value.at_once
    all_traffic_on_latest_revision   = var.all_traffic_to_newest
    ingress_settings                 = each.value.ingress
    service_account_email            = local.kinds[each.value.is].account
    vpc_connector                    = google_vpc_access_connector.app.id
    vpc_connector_egress_settings    = "PRIVATE_RANGES_ONLY"
    environment_variables            = merge(local.settings, local.kinds[each.value.is].settings)

    secret_volumes {
      mount_path = local.authority_folder
      project_id = var.project
      secret     = google_secret_manager_secret.authority.secret_id

      versions {
        path    = basename(local.authority_file)
        version = google_secret_manager_secret_version.authority.version
      }
    }

    dynamic "secret_environment_variables" {
      for_each = local.kinds[each.value.is].secrets
      content {
        key        = secret_environment_variables.value
        project_id = var.project
        secret     = google_secret_manager_secret.setting[secret_environment_variables.value].secret_id
        version    = google_secret_manager_secret_version.setting[secret_environment_variables.value].version
      }
    }
  }

  depends_on = [
    google_project_service.needed,
    google_project_iam_member.builder_builds,
    google_project_iam_member.signs_in,
    google_secret_manager_secret_iam_member.runtime_reads,
    google_secret_manager_secret_iam_member.public_reads,
    google_secret_manager_secret_iam_member.reads_authority,
  ]
}

resource "google_cloud_run_v2_service_iam_member" "may_call" {
  for_each = local.functions
  name     = google_cloudfunctions2_function.entry[each.key].name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value.caller
}
