project     = "example-footprint-anz"
region      = "australia-southeast1"
sites       = ["anz"]
alert_email = "operations@example.com"

settings = {
  FOOTPRINT_GOOGLE__CLIENT_ID    = "000000000000-example.apps.googleusercontent.com"
  FOOTPRINT_MICROSOFT__CLIENT_ID = "00000000-0000-0000-0000-000000000000"
  FOOTPRINT_OPERATORS__ISSUER    = "https://sign-in.example.com"
  FOOTPRINT_MAIL__DEFAULT        = <<-EOT
    {
      "incoming_smart_host": "{connection}.inrelay-anz.example.net",
      "outgoing_smart_host": "{connection}.outrelay-anz.example.net",
      "gateway_host": "{connection}.gmail-inrelay-anz.example.net",
      "egress": ["203.0.113.80/28"],
      "sending_domain": "outbound-anz.example.net"
    }
  EOT
}
