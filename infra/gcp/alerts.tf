# What somebody must know at three in the morning, and nothing else.

locals {
  signals = jsondecode(file("${path.module}/../signals.json"))
  logged  = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"${var.name}-schedule\""
  labels  = toset(compact([for tile in local.signals.dashboard : tile.by]))

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

# The numbers that the app logs each minute, as a metric: for the dashboard, and to notice that they stop.
resource "google_logging_metric" "numbers" {
  name            = "${var.name}-numbers"
  filter          = "${local.logged} AND jsonPayload.metric : \"footprint_\""
  value_extractor = "EXTRACT(jsonPayload.value)"

  label_extractors = merge(
    { metric = "EXTRACT(jsonPayload.metric)" },
    { for label in local.labels : label => "EXTRACT(jsonPayload.labels.${label})" },
  )

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"

    dynamic "labels" {
      for_each = setunion(["metric"], local.labels)
      content {
        key = labels.value
      }
    }
  }

  depends_on = [google_project_service.needed]
}

# What each of infra/signals.json says, from the app's own numbers.
resource "google_monitoring_alert_policy" "number" {
  for_each              = { for alert in local.signals.alerts : alert.name => alert }
  display_name          = "${var.name}-${each.key}"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.people.id]

  documentation {
    content = each.value.says
  }

  conditions {
    display_name = each.key

    condition_matched_log {
      filter = join(" AND ", concat(
        [local.logged, "jsonPayload.metric = \"${each.value.metric}\"", "jsonPayload.value > ${each.value.above}"],
        [for label, values in each.value.labels : "jsonPayload.labels.${label} = (\"${join("\" OR \"", values)}\")"],
      ))
    }
  }

  # It is told again each hour for as long as it is so.
  alert_strategy {
    auto_close = "3600s"

    notification_rate_limit {
      period = "3600s"
    }
  }
}

# Without numbers no timer runs, and nothing above can be told.
resource "google_monitoring_alert_policy" "silence" {
  display_name          = "${var.name}-silence"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.people.id]

  documentation {
    content = local.signals.silence.says
  }

  conditions {
    display_name = "silence"

    condition_absent {
      filter   = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.numbers.name}\""
      duration = "${local.signals.silence.seconds}s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_COUNT"
      }
    }
  }
}

resource "google_monitoring_dashboard" "numbers" {
  dashboard_json = jsonencode({
    displayName = var.name
    gridLayout = {
      columns = "2"
      widgets = [for tile in local.signals.dashboard : {
        title = tile.title
        xyChart = {
          dataSets = [{
            plotType = "LINE"
            timeSeriesQuery = {
              timeSeriesFilter = {
                filter = "resource.type = \"cloud_run_revision\" AND metric.type = \"logging.googleapis.com/user/${google_logging_metric.numbers.name}\" AND metric.labels.metric = \"${tile.metric}\""
                aggregation = {
                  alignmentPeriod    = "300s"
                  perSeriesAligner   = "ALIGN_DELTA"
                  crossSeriesReducer = "REDUCE_MEAN"
                  groupByFields      = [for label in compact([tile.by]) : "metric.labels.${label}"]
                }
              }
            }
          }]
        }
      }]
    }
  })

  depends_on = [google_project_service.needed]
}
