# Everything that one deployment needs, in one Google Cloud project. No value that is secret reaches the state.

terraform {
  required_version = ">= 1.11" # the first to take a value without keeping it
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }
  backend "gcs" {}
}

provider "google" {
  project = var.project
  region  = var.region
}

data "google_project" "this" {}

locals {
  services = [
    "artifactregistry", "cloudbuild", "cloudfunctions", "cloudkms", "cloudscheduler", "cloudtasks", "compute",
    "iamcredentials", "logging", "monitoring", "pubsub", "run", "secretmanager", "servicenetworking", "sqladmin", "vpcaccess",
    # What a customer's Workspace is reached through.
    "admin", "appsmarket", "appsmarket-component", "cloudidentity", "gmail", "groupssettings",
  ]

  # Known before the functions are, so that they can know each other's.
  urls = {
    for function in keys(local.functions) :
    function => "https://${var.name}-${function}-${data.google_project.this.number}.${var.region}.run.app"
  }
  public_url = coalesce(var.public_url, local.urls["http"])
}

resource "google_project_service" "needed" {
  for_each           = toset(local.services)
  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}
