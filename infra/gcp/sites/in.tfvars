project     = "example-footprint-in"
region      = "asia-south1"
sites       = ["in"]
alert_email = "operations@example.com"

settings = {
  FOOTPRINT_GOOGLE__CLIENT_ID    = "000000000000-example.apps.googleusercontent.com"
  FOOTPRINT_MICROSOFT__CLIENT_ID = "00000000-0000-0000-0000-000000000000"
  FOOTPRINT_OPERATORS__ISSUER    = "https://sign-in.example.com"
  FOOTPRINT_MAIL__DEFAULT        = <<-EOT
    {
      "incoming_smart_host": "{connection}.inrelay-in.example.net",
      "outgoing_smart_host": "{connection}.outrelay-in.example.net",
      "gateway_host": "{connection}.gmail-inrelay-in.example.net",
      "egress": ["203.0.113.112/28"],
      "sending_domain": "outbound-in.example.net"
    }
  EOT
}
