"""Lesson 13, section 10: deep networks with and without residuals.

python experiments/13_depth.py
"""

from pathlib import Path
from runpy import run_path

import torch

from aigc_course.authoring.experiment import Experiment, main
from aigc_course.models.cnn import CNN, CNNConfig

LESSON = run_path(str(Path(__file__).with_name("13_norm.py")))  # the same training

TITLE = "深了以后，有残差和没有残差（第 13 章）"
ABOUT = """\
问的是：同样的层数，块里加不加残差，训练得动训练不动。图缩成 7×7（每 4×4 取平均），好让二十多层
的网络也训练得起；网络是 `CNN(CNNConfig(channels=(16,), blocks=…))`，每块两层 3×3 卷积，卷积层共
2·blocks + 1 层，全都带批归一化，末尾取全图平均。Adam，学习率恒定，批 64；两边同一组学习率。
种子决定初始权重与批的顺序；同一个种子下两边的卷积权重、批的顺序相同。只看验证集，测试集没有参与。

`residual` 是有没有残差，`blocks` 是块数，`steps` 是步数，`lr`、`seed` 是学习率与种子；
`train_loss` 是最后 20 步各批损失的平均，`val_accuracy` 是 5,000 张验证图上的准确率。
100 步很短：再久会怎样，这张表没有问。"""

RATES = (0.001, 0.003, 0.01, 0.03)
SETTINGS = [(blocks, 100, lr) for blocks in (4, 12) for lr in RATES]
POINTS = [
    {"residual": residual, "blocks": blocks, "steps": steps, "lr": lr, "seed": seed}
    for seed in range(5)
    for blocks, steps, lr in SETTINGS
    for residual in (True, False)
]


def measure(residual: bool, blocks: int, steps: int, lr: float, seed: int) -> dict[str, float]:
    """Train one network."""
    (x, y), val = LESSON["parts"](7)
    torch.manual_seed(seed)
    model = CNN(CNNConfig(channels=(16,), blocks=blocks, residual=residual))
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    loss = LESSON["fit"](model, optimizer, x, y, steps, 64, seed)
    accuracy = LESSON["accuracy"](model, *val)
    return {"train_loss": round(loss, 4), "val_accuracy": round(accuracy, 4)}


EXPERIMENT = Experiment(Path(__file__), TITLE, ABOUT, POINTS, measure, sources=("fashion_mnist",))

if __name__ == "__main__":
    raise SystemExit(main(EXPERIMENT))
