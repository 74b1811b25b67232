"""GPT-2 from a checkpoint in numpy, to compare with."""

from __future__ import annotations

import numpy as np

from pharos.ingress.checkpoints import Checkpoint


def logits(checkpoint: Checkpoint, ids: np.ndarray) -> np.ndarray:
    """GPT-2's forward pass, (T,) -> (T, V), in float64 and straight from its definition."""
    config = checkpoint.config
    w = {name: one.astype(np.float64) for name, one in checkpoint.tensors.items()}
    T, C, H = len(ids), config.channels, config.heads
    x = w["wte"][ids] + w["wpe"][:T]
    for i in range(config.layers):
        y = norm(x, w["ln1w"][i], w["ln1b"][i]) @ w["qkvw"][i].T + w["qkvb"][i]
        q, k, v = y.reshape(T, 3, H, C // H).transpose(1, 2, 0, 3)
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(C // H)
        scores[:, np.triu(np.ones((T, T), bool), 1)] = -np.inf
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = (weights @ v).transpose(1, 0, 2).reshape(T, C)
        x = x + mixed @ w["attprojw"][i].T + w["attprojb"][i]
        h = norm(x, w["ln2w"][i], w["ln2b"][i]) @ w["fcw"][i].T + w["fcb"][i]
        h = 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
        x = x + h @ w["fcprojw"][i].T + w["fcprojb"][i]
    return (norm(x, w["lnfw"], w["lnfb"]) @ w["wte"].T)[:, : config.vocabulary]


def norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt(centred.var(-1, keepdims=True) + 1e-5) * weight + bias
