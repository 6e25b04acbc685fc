"""What this platform is called: in settings and the database, and to people."""

NAME, TITLE = "microsoft365", "Microsoft 365"
