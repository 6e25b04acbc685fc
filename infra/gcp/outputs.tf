output "public_url" {
  description = "The consent's redirect address begins with it."
  value       = local.public_url
}

output "runtime_unique_id" {
  description = "The runtime account's number: administrators delegate to it, the Marketplace listing names it, and our application at Microsoft trusts it."
  value       = google_service_account.runtime.unique_id
}

output "database" {
  description = "What Google's proxy is told, to migrate."
  value       = google_sql_database_instance.main.connection_name
}
