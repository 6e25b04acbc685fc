"""Webhooks: who wants to hear of what, by the Standard Webhooks specification, and what came of telling them."""
