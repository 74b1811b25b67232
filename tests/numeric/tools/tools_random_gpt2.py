"""Checkpoints of random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pharos.ingress.checkpoints import Config, write_checkpoint


def write_model(path: Path, config: Config) -> None:
    random = np.random.default_rng(0)
    shapes = config.shapes.items()
    weights = {name: random.standard_normal(s).astype(np.float32) * 0.3 for name, s in shapes}
    write_checkpoint(path, config, weights)
