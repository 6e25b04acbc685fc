# Gmail's notifications. The topic must be in the project of the account that asks for them.

resource "google_pubsub_topic" "gmail" {
  name = "${var.name}-gmail"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.needed]
}

# Gmail itself, as Google documents it. A policy that restricts domains must let this one account in.
resource "google_pubsub_topic_iam_member" "gmail_publishes" {
  topic  = google_pubsub_topic.gmail.id
  role   = "roles/pubsub.publisher"
  member = "serviceAccount:gmail-api-push@system.gserviceaccount.com"
}

resource "google_pubsub_subscription" "gmail" {
  name  = "${var.name}-gmail"
  topic = google_pubsub_topic.gmail.id
  # A notification only says that there is news, and the daily job looks by itself. So what is a day old is let go, and
  # there is no queue for what could not be delivered.
  message_retention_duration = "86400s"
  ack_deadline_seconds       = 30

  push_config {
    push_endpoint = "${local.public_url}/api/notifications/gmail"

    oidc_token {
      service_account_email = google_service_account.invoker.email
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # By default a subscription ends after a month without a message.
  expiration_policy {
    ttl = ""
  }
}
