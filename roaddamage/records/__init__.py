"""The records: drives, sightings, damages, decisions, jobs and who did what, kept by Django's ORM."""
