"""Mail in a simulated tenant: concrete messages, carried by the documented rules. It knows nothing of the service's own
model of the same, so that a test can hold the two against each other.
"""
