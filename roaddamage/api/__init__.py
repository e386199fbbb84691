"""What other systems read and change: `/api/` (JSON, described by OpenAPI) and `/ogc/` (OGC API – Features)."""
