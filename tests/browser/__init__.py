"""The console in a browser."""

# Each size with the scheme that is looked at in it, and whether there is script.
SIZES = {"desk": (1280, 900, "light", True), "phone": (390, 844, "dark", True), "no script": (390, 844, "light", False)}
