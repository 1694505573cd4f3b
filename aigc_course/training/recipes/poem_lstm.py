"""The character model of lesson 14: an LSTM on the quatrains of the Tang."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from aigc_course import data
from aigc_course.models.language import LanguageConfig, RecurrentLM, bits, sample
from aigc_course.models.rnn import Kind
from aigc_course.text.vocabulary import UNKNOWN, Vocabulary, padded
from aigc_course.training.checkpoint import load_weights, own_weights, put_weights
from aigc_course.training.in_recipe import train_in
from aigc_course.training.loop import Precision, TrainConfig, Trainer
from aigc_course.training.recipe import Outcome, Progress, RunFolder

TITLE = "唐人绝句的字符模型（第 14 章，LSTM）"
ABOUT = """\
一次读一个字，给出下一个字的概率。一首绝句带标点写成两行，开头有“始”，末尾有“终”；
训练集里只出现一次的字都当作“未知”，所以验证、测试里的生字也有概率。
词表由训练集数出，不另存：`poem_lstm.vocabulary()`。
每过一轮在验证集上量一次每字比特数，留下最低的那一份；测试集只在最后用一次。

它写的诗字数、标点大多是对的，意思不连贯，平仄与押韵没有人教。训练集只有一万两千多首，个别句子可能是背下来的：
用它的样本以前先与训练集比对。"""
DATA = ("jueju",)
START, END = "<始>", "<终>"


@dataclass(frozen=True)
class Config:
    """The network, and how it is trained."""

    seed: int = 14
    kind: Kind = "lstm"
    embedding: int = 256
    hidden: int = 512
    layers: int = 1
    dropout: float = 0.5
    tied: bool = True
    epochs: int = 16
    batch_size: int = 64
    lr: float = 3e-3
    weight_decay: float = 0.01
    precision: Precision = "float32"


PRESETS = {"cpu": Config(), "gpu": Config(hidden=1024, epochs=24, precision="auto")}


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Characters that occur at least twice in the training part, behind the special ones.

    Example:
        >>> vocabulary().tokens[:4]
        ('<补>', '<未知>', '<始>', '<终>')
    """
    texts = [str(poem) for poem in data.tang_jueju().train]
    return Vocabulary.count(texts, min_count=2, specials=(START, END))


def rows(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Texts as what came before each symbol, and the symbol: (N, T) each, 0 behind the end.

    Example:
        >>> x, y = rows(["春眠。", "春"])
        >>> x.shape, (y[1] > 0).tolist()
        (torch.Size([2, 4]), [True, True, False, False])
    """
    words = vocabulary()
    whole, _ = padded([words.ids([START, *text, END]) for text in texts])
    x, y = torch.from_numpy(whole[:, :-1].copy()), torch.from_numpy(whole[:, 1:].copy())
    return x * (y != 0), y  # what stands before filling is filling


class Rows:
    """The training rows, several at a time."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.x, self.y = rows(texts)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, chosen: Any, /) -> tuple[Tensor, Tensor]:
        return self.x[chosen], self.y[chosen]


def build(config: Config) -> RecurrentLM:
    """The network of ``config``."""
    c = config
    return RecurrentLM(
        LanguageConfig(
            len(vocabulary()), c.kind, c.embedding, c.hidden, c.layers, c.dropout, c.tied
        )
    )


def loss(model: Any, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Mean cross-entropy of the batch's symbols, filling aside."""
    x, y = batch
    scores, _ = model(x)  # (B, T, V)
    return F.cross_entropy(scores.float().flatten(0, 1), y.flatten(), ignore_index=0)


def bits_per_character(model: RecurrentLM, texts: Sequence[str], device: str = "cpu") -> float:
    """Mean bits of all characters and ends of ``texts``."""
    x, y = rows(texts)
    total = sum(
        bits(model, a.to(device), b.to(device)).double().sum().item()
        for a, b in zip(x.split(128), y.split(128), strict=True)
    )
    return total / int((y != 0).sum())


def write(
    model: RecurrentLM, rng: np.random.Generator, start: str = "", temperature: float = 0.8
) -> str:
    """A poem that begins with ``start``."""
    words = vocabulary()
    first, end, unknown = words.ids([START, END, UNKNOWN])
    drawn = sample(
        model,
        [first, *words.ids(start)],
        rng,
        end=end,
        longest=40,
        temperature=temperature,
        forbidden=(0, first, unknown),
    )
    return "".join(words.tokens_of(drawn[1:]))


def run(config: Config, out: RunFolder, device: str, progress: Progress) -> Outcome:
    """Train, keep the weights that do best in validation, measure them once on the test."""
    poems = data.tang_jueju()
    train, val, test = ([str(p) for p in part] for part in (poems.train, poems.val, poems.test))
    texts = Rows(train)
    model = build(config)
    per_epoch = -(-len(texts) // config.batch_size)
    trainer = Trainer(
        model,
        torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay),
        texts,
        loss,
        TrainConfig(
            steps=per_epoch * config.epochs,
            batch_size=config.batch_size,
            warmup=per_epoch // 2,
            evaluate_every=per_epoch,
            save_every=per_epoch,
            watch="bits_per_character",
            precision=config.precision,
            seed=config.seed,
        ),
        out.path / "loop",
        evaluate=lambda model: {"bits_per_character": bits_per_character(model, val, device)},  # type: ignore[arg-type]
        device=device,
    )
    result = train_in(out, trainer, progress)
    assert result.best_weights is not None
    load_weights(result.best_weights, model)
    weights = {name: value.half() for name, value in own_weights(model).items()}
    put_weights(model, weights, result.best_weights)  # measured as it is shipped
    model.eval()
    with torch.no_grad():
        metrics = {
            f"{name}_bits_per_character": round(bits_per_character(model, part, device), 4)
            for name, part in (("val", val), ("test", test))
        }
    rng = np.random.default_rng(config.seed)
    drawn = "\n\n".join(write(model, rng, start) for start in ("", "春", "明月"))
    return Outcome(weights, metrics, drawn)
