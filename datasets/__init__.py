"""Floor 2: labelled frames in and out, and synthetic drives."""
