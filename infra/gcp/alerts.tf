# What somebody must know at three in the morning, and nothing else.

locals {
  ours = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = starts_with(\"${var.name}-\")"

  thresholds = {
    functions-fail = {
      says   = "Functions fail by the dozen: the database, the key, the queues, or a bad deployment."
      filter = "${local.ours} AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
      above  = 12, align = "ALIGN_DELTA", reduce = "REDUCE_SUM", window = "900s"
    }
    unreachable = {
      says   = "The health page cannot be reached from outside, or names what is wrong: open /api/health/ready."
      filter = "resource.type = \"uptime_url\" AND metric.type = \"monitoring.googleapis.com/uptime_check/check_passed\" AND metric.labels.check_id = \"${google_monitoring_uptime_check_config.health.uptime_check_id}\""
      above  = 1, align = "ALIGN_NEXT_OLDER", reduce = "REDUCE_COUNT_FALSE", window = "600s"
    }
    notifications-wait = {
      says   = "Gmail's notifications have been waiting for an hour."
      filter = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${google_pubsub_subscription.gmail.name}\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      above  = 3600, align = "ALIGN_MAX", reduce = "REDUCE_MAX", window = "300s"
    }
    database-full = {
      says   = "The database grows faster than its disk."
      filter = "resource.type = \"cloudsql_database\" AND resource.labels.database_id = \"${var.project}:${google_sql_database_instance.main.name}\" AND metric.type = \"cloudsql.googleapis.com/database/disk/utilization\""
      above  = 0.9, align = "ALIGN_MEAN", reduce = "REDUCE_MAX", window = "3600s"
    }
  }
}

resource "google_monitoring_notification_channel" "people" {
  display_name = "Footprint"
  type         = "email"
  labels       = { email_address = var.alert_email }
  depends_on   = [google_project_service.needed]
}

# From outside, as a customer's administrator comes: name, certificate, function and database.
resource "google_monitoring_uptime_check_config" "health" {
  display_name = "${var.name}-health"
  period       = "300s"
  timeout      = "30s"

  http_check {
    path         = "/api/health/ready"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }

  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project, host = trimprefix(local.public_url, "https://") }
  }

  depends_on = [google_project_service.needed]
}

resource "google_monitoring_alert_policy" "threshold" {
  for_each              = local.thresholds
  display_name          = "${var.name}-${each.key}"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.people.id]

  documentation {
    content = each.value.says
  }

  conditions {
    display_name = each.key

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = "0s"

      aggregations {
        alignment_period     = each.value.window
        per_series_aligner   = each.value.align
        cross_series_reducer = each.value.reduce
      }
    }
  }
}

# It sends whatever is due and has no message on its way, so without it lost messages stay lost.
resource "google_monitoring_alert_policy" "no_sweep" {
  display_name          = "${var.name}-no-sweep"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.people.id]

  documentation {
    content = "The sweep runs every five minutes and none has ended well for half an hour: nothing may be running."
  }

  conditions {
    display_name = "no-sweep"

    condition_absent {
      filter   = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${google_cloudfunctions2_function.entry["schedule"].name}\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"2xx\""
      duration = "1800s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }
}

# The app's own words for a job that was begun several times without an end.
resource "google_monitoring_alert_policy" "job_given_up" {
  display_name          = "${var.name}-job-given-up"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.people.id]

  documentation {
    content = "A queue delivered a job too often without an end. Its connection says so; the log says why."
  }

  conditions {
    display_name = "job-given-up"

    condition_matched_log {
      filter = "resource.type = \"cloud_run_revision\" AND \"was begun several times and never ended\""
    }
  }

  alert_strategy {
    notification_rate_limit {
      period = "3600s"
    }
  }
}
