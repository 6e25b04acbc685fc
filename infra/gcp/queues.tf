# The queues that carry the jobs, and the schedules that fire the timers.

locals {
  # More attempts than the app makes before it tells a person, with pauses that outlast a short outage. What is lost all
  # the same is found by the sweep.
  queues = {
    footprint-jobs     = { attempts = 10, a_second = 50, at_once = 150 }
    footprint-clean-up = { attempts = 10, a_second = 5, at_once = 10 }
  }

  # UTC.
  timers = {
    sync-eu-uk  = "15 0 * * *"
    sync-ca     = "15 5 * * *"
    sync-us     = "15 8 * * *"
    sync-jp-anz = "15 16 * * *"
    sync-sg     = "15 17 * * *"
    sync-in     = "15 12 * * *"
    refresh     = "0 * * * *"
    anchor      = "0 * * * *"
    migrate     = "*/5 * * * *"
    rotate      = "30 3 * * *"
    sweep       = "*/5 * * * *"
    tell        = "*/1 * * * *"
    check       = "*/5 * * * *"
    report      = "0 * * * *"
  }
}

resource "google_cloud_tasks_queue" "queue" {
  for_each = local.queues
  name     = each.key
  location = var.region

  rate_limits {
    max_dispatches_per_second = each.value.a_second
    max_concurrent_dispatches = each.value.at_once
  }

  retry_config {
    max_attempts  = each.value.attempts
    min_backoff   = "10s"
    max_backoff   = "600s"
    max_doublings = 6
  }

  depends_on = [google_project_service.needed]
}

resource "google_cloud_tasks_queue_iam_member" "runtime_sends" {
  for_each = local.queues
  name     = google_cloud_tasks_queue.queue[each.key].name
  location = var.region
  role     = "roles/cloudtasks.enqueuer"
  member   = google_service_account.runtime.member
}

resource "google_cloud_tasks_queue_iam_member" "public_sends" {
  for_each = local.queues
  name     = google_cloud_tasks_queue.queue[each.key].name
  location = var.region
  role     = "roles/cloudtasks.enqueuer"
  member   = google_service_account.public.member
}

resource "google_cloud_scheduler_job" "timer" {
  for_each         = local.timers
  name             = "${var.name}-${each.key}"
  region           = var.region
  schedule         = each.value
  time_zone        = "Etc/UTC"
  attempt_deadline = "600s"

  retry_config {
    retry_count          = 3
    min_backoff_duration = "10s"
  }

  http_target {
    http_method = "POST"
    uri         = "${local.urls["schedule"]}/${each.key}"

    oidc_token {
      service_account_email = google_service_account.invoker.email
      audience              = local.urls["schedule"]
    }
  }

  depends_on = [google_cloud_run_v2_service_iam_member.may_call]
}
