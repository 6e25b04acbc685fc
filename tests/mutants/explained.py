"""Wrong changes that change nothing anybody could notice, each by its name and with the reason."""

CHANGES_NOTHING: dict[str, str] = {}
