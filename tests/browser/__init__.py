"""The console in a browser."""

# Each size with the scheme that is looked at in it.
SIZES = {"desk": (1280, 900, "light"), "phone": (390, 844, "dark")}
