"""What a message is inspected for. Nothing here touches a mailbox: a message and conditions in, findings out.

conditions      what an administrator may ask of a message, and what a finding is
judge           holds a message against conditions
scanner         another service's opinion of a message
"""
