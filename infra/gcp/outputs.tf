output "public_url" {
  description = "The consent's redirect address begins with it."
  value       = local.public_url
}

output "runtime_unique_id" {
  description = "The runtime account's number: administrators delegate to it, the Marketplace listing names it, and our application at Microsoft trusts it."
  value       = google_service_account.runtime.unique_id
}

output "database_user" {
  description = "The runtime account as the database knows it."
  value       = google_sql_user.app["runtime"].name
}
