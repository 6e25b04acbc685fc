"""What this platform is called: in settings and the database, and to people."""

NAME, TITLE = "google", "Google Workspace"
