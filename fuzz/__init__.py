"""Coverage-guided fuzzing of the byte parsers."""
