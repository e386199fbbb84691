"""Floor 2: sightings to damages, map and files."""
