"""Floor 1: footage to sightings."""
