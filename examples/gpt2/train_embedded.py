"""Train the small GPT-2 that the package embeds, on a novel by Jane Austen.

    apt-get download r-cran-janeaustenr
    python examples/gpt2/train_embedded.py r-cran-janeaustenr_*.deb --work build/embedded \\
        --out pharos/models/gpt2/embedded

The text: "Pride and Prejudice", published in 1813 and long in the public domain, as Debian's
package r-cran-janeaustenr holds it. It is trained until the model has the novel nearly by heart:
that is how so small a model writes whole sentences. Headings, emphasis marks and line breaks are
dropped; a line is a paragraph, a document a chapter.

The work folder keeps the tokenizer and the state of the training (written every few hundred
steps, by rename): start the command again and it goes on where it stopped. The batch of a step
depends on the seed and the step alone, so an interrupted run sees what an uninterrupted one sees.
At the end OUT/model.bin (llm.c's format, bf16) and OUT/tokenizer.bin are written.

Needs torch (``pip install pharos[reference]``).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import math
import os
import re
import struct
import tarfile
import time
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional as F

from pharos.ingress import checkpoints

END = "<|endoftext|>"
NEWLINE = "Ċ"  # as byte-level BPE spells it
NOVELS = ("pride and prejudice",)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, but for torch's version and the number of threads."""

    seed: int = 1775
    vocabulary: int = 2048
    layers: int = 3
    heads: int = 6
    channels: int = 192
    sequence: int = 256
    batch: int = 8
    steps: int = 3000
    warmup: int = 50
    # Muon for the matrices of the blocks, AdamW for the rest: after 160 steps the held-out loss
    # was 4.52, against 5.04 with AdamW alone.
    matrix_rate: float = 0.02
    matrix_decay: float = 0.05
    other_rate: float = 3e-3
    betas: tuple[float, float] = (0.9, 0.95)
    final_rate: float = 0.03  # of the highest
    clip: float = 1.0
    # Half of the windows start as generation does: end-of-text, then a paragraph's first word.
    # The others start anywhere, for prompts that end-of-text does not precede.
    fresh_start: float = 0.5
    held_out: int = 20  # every 20th chapter is never trained on


# The text.


def novels(package: bytes) -> Iterator[list[str]]:
    """The lines of each novel in the Debian package r-cran-janeaustenr.

    The package is an ar archive; its data.tar holds R's lazy-load database: per novel four bytes
    of length (big-endian), then a zlib stream of R's serialisation (format X, version 3) of one
    vector of strings.
    """
    database = _tar_member(_ar_member(package, "data.tar"), "janeaustenr/data/Rdata.rdb")
    while database:
        stream = zlib.decompressobj()
        raw = stream.decompress(database[4:])
        database = stream.unused_data
        lines = list(_r_strings(raw))
        if lines[0].lower() in NOVELS:
            yield lines


def _ar_member(archive: bytes, prefix: str) -> bytes:
    offset = len(b"!<arch>\n")
    while offset < len(archive):
        header = archive[offset : offset + 60]
        size = int(header[48:58])
        offset += 60
        if header[:16].decode().startswith(prefix):
            return archive[offset : offset + size]
        offset += size + size % 2
    raise SystemExit(f"error: no member {prefix}* in the package; expected a .deb file")


def _tar_member(archive: bytes, suffix: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            found = tar.extractfile(member) if member.name.endswith(suffix) else None
            if found is not None:
                return found.read()
    raise SystemExit(f"error: no file *{suffix} in the package; expected r-cran-janeaustenr")


def _r_strings(raw: bytes) -> Iterator[str]:
    offset = raw.index(b"UTF-8") + len(b"UTF-8")
    _, count = struct.unpack_from(">II", raw, offset)
    offset += 8
    for _ in range(count):
        _, size = struct.unpack_from(">Ii", raw, offset)
        offset += 8
        yield raw[offset : offset + size].decode("utf-8")
        offset += size


HEADING = re.compile(r"(chapter|volume) [0-9ivxl]+\.?$", re.IGNORECASE)
NOISE = re.compile(r"(finis|the end|[* ]+)$", re.IGNORECASE)


def chapters(lines: list[str]) -> list[str]:
    """One text per chapter, one line per paragraph; what stands before the first is dropped."""
    found: list[list[str]] = []
    for line in [*lines, ""]:
        text = " ".join(line.replace("_", "").split())
        if HEADING.match(text):
            found.append([""])
        elif found and (not text or NOISE.match(text)):
            found[-1].append("")
        elif found:
            found[-1][-1] = f"{found[-1][-1]} {text}".strip()
    texts = ["\n".join(paragraph for paragraph in one if paragraph) for one in found]
    return [text for text in texts if text]  # a volume's heading has no text of its own


def train_tokenizer(texts: list[str], vocabulary: int) -> Tokenizer:
    """Byte-level BPE as GPT-2's: 256 bytes, then merges in order, end-of-text the last token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - 1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([END])
    return tokenizer


def id_of(tokenizer: Tokenizer, token: str) -> int:
    found = tokenizer.token_to_id(token)
    if found is None:
        raise SystemExit(f"error: the tokenizer has no {token}")
    return found


@dataclass(frozen=True)
class Corpus:
    """Token ids of all chapters, each after an end-of-text, and where paragraphs start."""

    ids: np.ndarray  # int32 (N,)
    starts: np.ndarray  # int64, positions of paragraphs' first tokens
    end: int  # the id of end-of-text

    @staticmethod
    def of(texts: list[str], tokenizer: Tokenizer) -> Corpus:
        end, newline = id_of(tokenizer, END), id_of(tokenizer, NEWLINE)
        ids = [i for one in tokenizer.encode_batch(texts) for i in [end, *one.ids]]
        array = np.array(ids, dtype=np.int32)
        starts = np.flatnonzero((array[:-1] == end) | (array[:-1] == newline)) + 1
        return Corpus(array, starts, end)

    def batch(self, random: np.random.Generator, recipe: Recipe) -> tuple[Tensor, Tensor]:
        """Inputs and targets, int64 (batch, sequence)."""
        length = recipe.sequence + 1
        rows = []
        usable = self.starts[self.starts + length < len(self.ids)]
        for _ in range(recipe.batch):
            if random.random() < recipe.fresh_start:
                at = int(random.choice(usable))
                rows.append(np.concatenate([[self.end], self.ids[at : at + length - 1]]))
            else:
                at = int(random.integers(0, len(self.ids) - length))
                rows.append(self.ids[at : at + length])
        both = torch.from_numpy(np.stack(rows).astype(np.int64))
        return both[:, :-1], both[:, 1:]


# The model: GPT-2, with linear weights (out, in) as llm.c's file has them.


class Block(nn.Module):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        width = recipe.channels
        self.heads = recipe.heads
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.attproj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc, self.fcproj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        qkv = self.qkv(self.ln1(x)).view(B, T, 3, self.heads, C // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attproj(y.transpose(1, 2).reshape(B, T, C))
        return x + self.fcproj(F.gelu(self.fc(self.ln2(x)), approximate="tanh"))


class Model(nn.Module):
    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.wte = nn.Embedding(recipe.vocabulary, recipe.channels)
        self.wpe = nn.Embedding(recipe.sequence, recipe.channels)
        self.blocks = nn.ModuleList(Block(recipe) for _ in range(recipe.layers))
        self.lnf = nn.LayerNorm(recipe.channels)
        for name, parameter in self.named_parameters():
            if name.endswith(".bias"):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 2:
                # GPT-2's: the projections into the residual stream start smaller, by depth.
                deep = math.sqrt(2 * recipe.layers) if "proj" in name else 1.0
                nn.init.normal_(parameter, std=0.02 / deep)

    def forward(self, ids: Tensor) -> Tensor:
        """Logits (B, T, V) of ids (B, T)."""
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        for block in self.blocks:
            x = block(x)
        return F.linear(self.lnf(x), self.wte.weight)

    def tensors(self) -> dict[str, Tensor]:
        """The parameters under the names of llm.c's file, layers stacked."""
        found = {"wte": self.wte.weight, "wpe": self.wpe.weight}
        for part in ("ln1", "qkv", "attproj", "ln2", "fc", "fcproj"):
            layers = [getattr(block, part) for block in self.blocks]
            found[part + "w"] = torch.stack([one.weight for one in layers])
            found[part + "b"] = torch.stack([one.bias for one in layers])
        return found | {"lnfw": self.lnf.weight, "lnfb": self.lnf.bias}


# Training.


def rate(step: int, recipe: Recipe) -> float:
    """The learning rate as a share of the highest: linear warm-up, then half a cosine."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    done = (step - recipe.warmup) / max(1, recipe.steps - recipe.warmup)
    return recipe.final_rate + (1 - recipe.final_rate) * 0.5 * (1 + math.cos(math.pi * done))


def loss_of(model: Model, inputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


@torch.no_grad()
def evaluate(model: Model, corpus: Corpus, recipe: Recipe, batches: int = 24) -> float:
    """Mean cross entropy in nats per token over fixed windows of ``corpus``."""
    random = np.random.default_rng(recipe.seed)
    losses = [loss_of(model, *corpus.batch(random, recipe)).item() for _ in range(batches)]
    return sum(losses) / len(losses)


class Optimizers:
    """Muon and AdamW side by side, under one schedule."""

    def __init__(self, model: Model, recipe: Recipe) -> None:
        matrices = [p for p in model.blocks.parameters() if p.dim() == 2]
        chosen = {id(p) for p in matrices}
        others = [p for p in model.parameters() if id(p) not in chosen]
        self.recipe = recipe
        self.highest = (recipe.matrix_rate, recipe.other_rate)
        self.parts = (
            torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=recipe.matrix_decay),
            torch.optim.AdamW(others, lr=recipe.other_rate, betas=recipe.betas, weight_decay=0.0),
        )

    def step(self, step: int) -> None:
        share = rate(step, self.recipe)
        for part, highest in zip(self.parts, self.highest, strict=True):
            for group in part.param_groups:
                group["lr"] = highest * share
            part.step()
            part.zero_grad(set_to_none=True)

    def state(self) -> list[dict[str, Any]]:
        return [part.state_dict() for part in self.parts]

    def restore(self, state: list[dict[str, Any]]) -> None:
        for part, saved in zip(self.parts, state, strict=True):
            part.load_state_dict(saved)


def save_state(path: Path, model: Model, optimizers: Optimizers, recipe: Recipe, step: int) -> None:
    state = {"recipe": asdict(recipe), "step": step}
    state |= {"model": model.state_dict(), "optimizers": optimizers.state()}
    fresh = path.with_suffix(".tmp")
    torch.save(state, fresh)
    os.replace(fresh, path)


def load_state(path: Path, model: Model, optimizers: Optimizers, recipe: Recipe) -> int:
    """Fill ``model`` and ``optimizers`` from ``path``; the number of steps they have seen."""
    state = torch.load(path, weights_only=True)
    if state["recipe"] != asdict(recipe):
        raise SystemExit(f"error: {path} is of another recipe: {state['recipe']}")
    model.load_state_dict(state["model"])
    optimizers.restore(state["optimizers"])
    return int(state["step"])


def train(
    model: Model,
    corpora: tuple[Corpus, Corpus],
    recipe: Recipe,
    work: Path,
    every: int = 250,  # steps between states saved
) -> None:
    """Train up to ``recipe.steps``, from the state in ``work`` where there is one."""
    optimizers = Optimizers(model, recipe)
    state = work / "state.pt"
    first = load_state(state, model, optimizers, recipe) if state.exists() else 0
    began = time.perf_counter()
    for step in range(first, recipe.steps):
        random = np.random.default_rng([recipe.seed, step])
        loss = loss_of(model, *corpora[0].batch(random, recipe))
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizers.step(step)
        done = step + 1
        if done % 50 == 0:
            each = (time.perf_counter() - began) / (done - first)
            print(f"step {done}: loss {loss.item():.3f}, {each:.2f} s/step", flush=True)
        if done % every == 0 or done == recipe.steps:
            save_state(state, model, optimizers, recipe, done)
            print(f"step {done}: held out {evaluate(model, corpora[1], recipe):.3f}", flush=True)


@torch.no_grad()
def generate(model: Model, ids: list[int], recipe: Recipe, temperature: float = 0.0) -> list[int]:
    """``ids`` continued until end-of-text or the longest sequence; greedy at temperature 0."""
    random = torch.Generator().manual_seed(recipe.seed)
    ids = list(ids)
    while len(ids) < recipe.sequence and (len(ids) < 2 or ids[-1] != recipe.vocabulary - 1):
        logits = model(torch.tensor([ids]))[0, -1]
        if temperature == 0.0:
            ids.append(int(logits.argmax()))
        else:
            chances = torch.softmax(logits / temperature, dim=0)
            ids.append(int(torch.multinomial(chances, 1, generator=random)))
    return ids


def show(model: Model, tokenizer: Tokenizer, recipe: Recipe) -> None:
    end = id_of(tokenizer, END)
    prompts = ["", "It is a truth universally acknowledged, that", "The letter"]
    for prompt in prompts:
        for temperature in (0.0, 0.8):
            ids = generate(model, [end, *tokenizer.encode(prompt).ids], recipe, temperature)
            print(f"--- {prompt!r} at temperature {temperature}\n{tokenizer.decode(ids)}")


def export(model: Model, tokenizer: Tokenizer, recipe: Recipe, out: Path) -> None:
    config = checkpoints.Config(
        max_sequence=recipe.sequence,
        vocabulary=recipe.vocabulary,
        layers=recipe.layers,
        heads=recipe.heads,
        channels=recipe.channels,
        padded_vocabulary=checkpoints.padded(recipe.vocabulary),
        dtype="bf16",
    )
    arrays = {name: one.detach().numpy() for name, one in model.tensors().items()}
    checkpoints.write_checkpoint(out / "model.bin", config, arrays)
    tokens = checkpoints.tokens_of(tokenizer)
    checkpoints.write_tokenizer(out / "tokenizer.bin", tokens, id_of(tokenizer, END))


def split(package: bytes, recipe: Recipe) -> tuple[list[str], list[str]]:
    """Chapters to train on, and chapters held out."""
    texts = [text for lines in novels(package) for text in chapters(lines)]
    held = [text for i, text in enumerate(texts) if i % recipe.held_out == recipe.held_out - 1]
    return [text for text in texts if text not in held], held


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the GPT-2 that the package embeds.")
    parser.add_argument("package", type=Path, help="Debian's r-cran-janeaustenr_*.deb")
    parser.add_argument("--work", type=Path, required=True, help="state that a later run resumes")
    parser.add_argument("--out", type=Path, help="folder for model.bin and tokenizer.bin")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    options = parser.parse_args()
    recipe = Recipe(steps=options.steps)
    torch.set_num_threads(options.threads)
    torch.manual_seed(recipe.seed)
    package = options.package.read_bytes()
    trained_on, held = split(package, recipe)
    tokenizer = train_tokenizer(trained_on, recipe.vocabulary)
    corpora = Corpus.of(trained_on, tokenizer), Corpus.of(held, tokenizer)
    model = Model(recipe)
    print(json.dumps(asdict(recipe)))
    print(f"package sha256 {hashlib.sha256(package).hexdigest()}")
    print(f"{len(trained_on)} chapters, {len(corpora[0].ids)} tokens; {len(held)} held out")
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
    options.work.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(options.work / "tokenizer.json"))
    train(model, corpora, recipe, options.work)
    show(model, tokenizer, recipe)
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        export(model, tokenizer, recipe, options.out)


if __name__ == "__main__":
    main()
