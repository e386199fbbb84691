"""Floor 3: making and judging models."""
