"""Text from GPT-2 as it comes, and what it took."""

from __future__ import annotations

import contextlib
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pharos import toolchain
from pharos.core.errors import UserError
from pharos.ingress.checkpoints import Config, Tokenizer, check_pair, open_checkpoint
from pharos.ingress.checkpoints import open_tokenizer as open_file
from pharos.models.gpt2 import embedded
from pharos.models.gpt2.generate import Record, Sampling, generate
from pharos.models.gpt2.opening import AnyGpt2, open_model
from pharos.tools.console import print_json


@dataclass(frozen=True)
class Session:
    """A model, its tokenizer, the ids of the prompt and how many tokens are wanted."""

    model: AnyGpt2
    tokenizer: Tokenizer
    text: str
    prompt: list[int]
    tokens: int

    @staticmethod
    def open(
        checkpoint: Path | None,
        tokenizer: Path | None,
        prompt: str | None,
        tokens: int,
        dtype: str | None,
        target: str,
    ) -> Session:
        """Open the files, check that they belong together, compile.

        Without ``checkpoint`` the embedded one is taken, without ``tokenizer`` the file beside
        the checkpoint, without ``prompt`` the end-of-text token.
        """
        path = checkpoint or embedded.paths()[0]
        config = open_checkpoint(path).config
        found = _tokenizer(path, tokenizer)
        check_pair(config, found)
        ids = found.encode(prompt) if prompt else [found.end]
        length = _length(config, ids, tokens)
        model = open_model(path, dtype=dtype, target=target, positions=length, prompt=len(ids))
        model.ready(len(ids))
        return Session(model, found, prompt or "", ids, tokens)


def _tokenizer(checkpoint: Path, given: Path | None) -> Tokenizer:
    path = given or checkpoint.with_name("tokenizer.bin")
    if given is None and not path.is_file():
        raise UserError(
            f"expected a tokenizer beside the checkpoint, found no {path}",
            hint="name one with --tokenizer FILE, or convert the Hugging Face folder again",
        )
    return open_file(path)


def _length(config: Config, ids: list[int], tokens: int) -> int:
    """Positions that the prompt and the text after it take."""
    if len(ids) > config.max_sequence:
        raise UserError(
            f"expected a prompt of at most {config.max_sequence} tokens, the checkpoint's "
            f"positions, found {len(ids)}"
        )
    return min(config.max_sequence, len(ids) + tokens)


def stream(session: Session, sampling: Sampling, *, as_json: bool) -> bool:
    """Print the text token by token, then the configuration and the times.

    Returns whether Ctrl-C ended it. With ``as_json`` there is one document at the end.
    """
    record, ids, pieces = Record(), [], [session.text]
    decoder = session.tokenizer.decoder()

    def emit(piece: str) -> None:
        pieces.append(piece)
        if not as_json:
            sys.stdout.write(piece)
            sys.stdout.flush()

    if not as_json:
        sys.stdout.write(session.text)
        sys.stdout.flush()
    made = generate(session.model, session.prompt, session.tokens, sampling, record=record)
    with _interruptions() as interrupted:
        for token in made:
            ids.append(token)
            emit(decoder.push(token))
            if interrupted():
                break
    emit(decoder.finish())
    if as_json:
        print_json(_document(session, record, ids, "".join(pieces), interrupted()))
    else:
        print("\n\n" + "\n".join(_lines(session, record, len(ids))))
    return interrupted()


@contextlib.contextmanager
def _interruptions() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C was pressed, instead of an exception between any two instructions: a token
    is counted and printed, or neither. Pressed again, it is the exception after all."""
    pressed: list[int] = []

    def press(number: int, frame: object) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # only the main thread may say what a signal does
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, before)


def _lines(session: Session, record: Record, made: int) -> list[str]:
    """The configuration and the times, for people."""
    model, config = session.model, session.model.checkpoint.config
    stopped = made < session.tokens and len(session.prompt) + made > model.positions
    lines = [
        f"GPT-2 with {config.layers} layers, {config.heads} heads, {config.channels} channels, "
        f"{config.vocabulary} tokens, {config.max_sequence} positions: "
        f"{config.parameters:,} parameters in {model.dtype} on {model.target}",
        f"load {_ms(model.timing.load)}, compile {_ms(model.timing.compile)}, "
        f"prefill {_ms(record.prefill)} of {_tokens(record.prompt)}, "
        f"{_number(record.ms_per_token())} ms/token median, "
        f"{_number(record.tokens_per_second())} tokens/s, {_tokens(made)}",
    ]
    if model.launches:
        lines.append(f"{model.launches} kernels in one launch per token")
    if not toolchain.target(model.target).timed:
        lines.append("simulated: the times say nothing about the chip")
    if stopped:
        lines.append(f"stopped: the model has {config.max_sequence} positions")
    return lines


def _document(
    session: Session, record: Record, ids: list[int], text: str, interrupted: bool
) -> dict[str, Any]:
    model = session.model
    timing = {
        "load_s": model.timing.load,
        "compile_s": model.timing.compile,
        "prefill_s": record.prefill,
        "ms_per_token": _finite(record.ms_per_token()),
        "tokens_per_second": _finite(record.tokens_per_second()),
    }
    return {
        "text": text,
        "prompt": session.prompt,
        "tokens": ids,
        "interrupted": interrupted,
        "config": asdict(model.checkpoint.config),
        "dtype": model.dtype,
        "target": model.target,
        "kernels_per_token": model.launches,
        "simulated": not toolchain.target(model.target).timed,
        "timing": timing,
    }


def _tokens(count: int) -> str:
    return f"{count} token" if count == 1 else f"{count} tokens"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms"


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
