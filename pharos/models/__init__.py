"""Models that Pharos ships: written in Lispier, fed and driven from here."""
