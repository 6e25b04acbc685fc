project     = "example-footprint-uk"
region      = "europe-west2"
sites       = ["uk"]
alert_email = "operations@example.com"

settings = {
  FOOTPRINT_GOOGLE__CLIENT_ID    = "000000000000-example.apps.googleusercontent.com"
  FOOTPRINT_MICROSOFT__CLIENT_ID = "00000000-0000-0000-0000-000000000000"
  FOOTPRINT_OPERATORS__ISSUER    = "https://sign-in.example.com"
  FOOTPRINT_MAIL__DEFAULT        = <<-EOT
    {
      "incoming_smart_host": "{connection}.inrelay-uk.example.net",
      "outgoing_smart_host": "{connection}.outrelay-uk.example.net",
      "gateway_host": "{connection}.gmail-inrelay-uk.example.net",
      "egress": ["203.0.113.16/28"],
      "sending_domain": "outbound-uk.example.net"
    }
  EOT
}
