"""Where programs, weights and text come in from other systems' files."""
