"""What happens to the mail of a Google Workspace customer, computed from what can be read of it. No call, no database.

`snapshot.Snapshot` holds what was read, `verdict.faults` says what is wrong with the way of incoming mail, and
`verdict.difference` says what a change did to it. Google shows rules, lists and states of Gmail in the Policy API
(https://cloud.google.com/identity/docs/concepts/supported-policy-api-settings). Hosts, the inbound gateway and routing
rules are in no API: of these the admin log tells that they were changed and not to what, so that they are blind spots.
"""
