"""Whether a checkpoint and a tokenizer belong together."""

from __future__ import annotations

from pharos.core.errors import UserError
from pharos.ingress.checkpoints.gpt2 import Config
from pharos.ingress.checkpoints.tokenizer import Tokenizer


def check_pair(config: Config, tokenizer: Tokenizer) -> None:
    """Raise ``UserError`` when the tokenizer has ids that the model has no embedding for.

    A model may have more ids than its tokenizer has tokens: some are trained with padding.
    """
    if tokenizer.vocabulary > config.vocabulary:
        raise UserError(
            f"{tokenizer.path}: expected at most {config.vocabulary} tokens, the checkpoint's "
            f"vocabulary, found {tokenizer.vocabulary}",
            hint="give the tokenizer that was made with this checkpoint",
        )
