"""What strangers, customers and thieves may try: one file for each boundary."""
