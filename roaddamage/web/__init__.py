"""Pages, files and uploads of the application."""
