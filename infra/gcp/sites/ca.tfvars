project     = "example-footprint-ca"
region      = "northamerica-northeast1"
sites       = ["ca"]
alert_email = "operations@example.com"

settings = {
  FOOTPRINT_GOOGLE__CLIENT_ID    = "000000000000-example.apps.googleusercontent.com"
  FOOTPRINT_MICROSOFT__CLIENT_ID = "00000000-0000-0000-0000-000000000000"
  FOOTPRINT_OPERATORS__ISSUER    = "https://sign-in.example.com"
  FOOTPRINT_MAIL__DEFAULT        = <<-EOT
    {
      "incoming_smart_host": "{connection}.inrelay-ca.example.net",
      "outgoing_smart_host": "{connection}.outrelay-ca.example.net",
      "gateway_host": "{connection}.gmail-inrelay-ca.example.net",
      "egress": ["203.0.113.32/28"],
      "sending_domain": "outbound-ca.example.net"
    }
  EOT
}
