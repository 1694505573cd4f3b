"""Lesson 09, section 9: three sets of states for named entities with an HMM, smoothing swept.

python experiments/09_hmm.py
"""

from pathlib import Path

from aigc_course import data
from aigc_course.authoring.experiment import Experiment, main
from aigc_course.metrics.entities import entity_prf
from aigc_course.text.hmm import HMM
from aigc_course.text.tagging import (
    characters_and_tags,
    neighbour_states,
    tags_of_states,
    word_states,
)

TITLE = "隐马尔可夫模型找实体：三种状态，平滑逐个试（第 09 章）"
ABOUT = """\
问的是：同一个隐马尔可夫模型，状态取得细一些，验证集上的实体 F1 能到多少；平滑取多大。
《人民日报》1998 年 1 月前八成的行上数出，再一成（验证集）上量；测试集没有参与。
没有随机性，`seed` 只占位。

`states` 是状态：`BIO` 七个标签；`邻字` 实体里分头、中、尾、单字，实体左右紧挨着的一个字也各有状态；
`词性` 每个字的状态是它在词里的位置（B、M、E、S）与这个词的词性，
接在姓后面的名，头一个字另有状态，一百多个；数的时候用了分词与词性。
`smoothing` 是每个次数加的数；`precision`、`recall`、`f1` 是整个实体的。"""

SMOOTHING = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
POINTS = [
    {"states": states, "smoothing": smoothing, "seed": 0}
    for states in ("BIO", "邻字", "词性")
    for smoothing in SMOOTHING
]


STATES = {
    "BIO": lambda sentence: characters_and_tags(sentence)[1],
    "邻字": neighbour_states,
    "词性": word_states,
}


def measure(states: str, smoothing: float, seed: int) -> dict[str, float]:
    """Count one model, and measure it in validation."""
    paper = data.newspaper()
    rows = ((characters_and_tags(s)[0], STATES[states](s)) for s in paper.train)
    model = HMM.count((list(zip(c, y, strict=True)) for c, y in rows), smoothing=smoothing)
    val = [characters_and_tags(s) for s in paper.val]
    found = entity_prf([t for _, t in val], [tags_of_states(model.tag(c)) for c, _ in val])
    return {name: round(value, 4) for name, value in found._asdict().items()}


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure)

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
