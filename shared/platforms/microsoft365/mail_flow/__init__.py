"""What happens to the mail of a Microsoft 365 tenant, computed from what is listed of it. No call, no database.

`listing.read` takes the records of the cmdlets, `verdict.faults` says what is wrong with a tenant's mail flow, and
`verdict.difference` says what a change did to it. A message is never guessed at: what depends on its content is
possible, what nobody has documented is unknown.
"""
