"""The application: commands today; records, jobs, pages and API as they come."""

__version__ = "0.1.0"
