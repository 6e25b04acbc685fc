output "public_url" {
  description = "The consent's redirect address begins with it."
  value       = local.public_url
}

output "delegated_client" {
  description = "The numeric client id that customers' administrators delegate to, and that the Marketplace listing names."
  value       = google_service_account.runtime.unique_id
}

output "database" {
  description = "What Google's proxy is told, to migrate."
  value       = google_sql_database_instance.main.connection_name
}
