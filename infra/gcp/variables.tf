variable "project" {
  description = "Id of a project that holds nothing else. Its OAuth client and Marketplace listing are made by hand."
  type        = string
}

variable "region" {
  type = string
}

variable "name" {
  description = "Stands at the beginning of every name."
  type        = string
  default     = "footprint"
}

variable "sites" {
  description = "The serving sites of this deployment; each connection belongs to one."
  type        = set(string)

  validation {
    condition     = length(var.sites) > 0 && length(setsubtract(var.sites, ["eu", "uk", "ca", "us", "jp", "anz", "sg", "in"])) == 0
    error_message = "Sites are eu, uk, ca, us, jp, anz, sg and in."
  }
}

variable "public_url" {
  description = "Where browsers and webhooks reach it, without a slash at the end; by default the function's own address."
  type        = string
  default     = null
}

variable "package" {
  description = "The archive that `make package-gcp` makes."
  type        = string
  default     = "../../dist/footprint-gcp.zip"
}

variable "all_traffic_to_newest" {
  description = "Whether a new revision serves at once. The workflow says no, tries it, and shifts the traffic itself."
  type        = bool
  default     = true
}

variable "settings" {
  description = "Further settings by their whole names: FOOTPRINT_GOOGLE__CLIENT_ID, FOOTPRINT_OPERATORS__ISSUER and so on."
  type        = map(string)
  default     = {}
}

variable "applications" {
  description = "What infra.entra says of our applications at Microsoft; stands above `settings`."
  type        = map(string)
  default     = {}
}

variable "secret_settings" {
  description = "Names of settings that are secrets. Their values are in `secrets`, and go to Secret Manager only."
  type        = set(string)
  default     = ["FOOTPRINT_GOOGLE__CLIENT_SECRET", "FOOTPRINT_OPERATORS__CLIENT_SECRET"]
}

variable "secrets" {
  description = "Values of the secret settings by their whole names; given with a new secrets_version only."
  type        = map(string)
  default     = {}
  sensitive   = true
  ephemeral   = true
}

variable "secrets_version" {
  description = "One more than before to write all secrets anew, all of which are given then: the state cannot compare them."
  type        = number
  default     = 1
}

variable "zone_redundant" {
  description = "A second database server in another zone takes over; it costs as much as the first."
  type        = bool
  default     = false
}

variable "alert_email" {
  description = "Who is woken up."
  type        = string
}
