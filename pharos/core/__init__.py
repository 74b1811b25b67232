"""What every other part stands on: places, errors, settings, artifacts. Imports nothing of ours."""
