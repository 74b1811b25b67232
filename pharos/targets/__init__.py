"""Targets: what a machine is, the pipelines for it, how its code is finished and run."""
