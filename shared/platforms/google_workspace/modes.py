"""What a connection may be for: mailboxes read by API, or mail routed through the scanner. Either or both."""

API, INLINE = "api", "inline"
BY_API, BY_ROUTE = frozenset({API}), frozenset({INLINE})
