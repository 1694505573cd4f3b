"""What is said of a checkpoint: its manifest entry and its card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aigc_course.data.manifest import Item, sha256_of
from aigc_course.training.recipe import Recipe

__all__ = ["as_card", "as_entry"]


def as_entry(name: str, recipe: Recipe, weights: Path, made: dict[str, Any]) -> Item:
    """The manifest entry of the file ``weights``, which was ``made`` like that."""
    return Item(
        name=name,
        kind="checkpoint",
        title=recipe.TITLE,
        file=f"checkpoints/{name}.safetensors",
        size=weights.stat().st_size,
        sha256=sha256_of(weights),
        licence="MIT",
        source="、".join(recipe.DATA) or "装好的软件包里的数据，见卡",
        recipe=f"aigc_course/training/recipes/{name}.py",
        command=f"aigc train {name} --preset {made['preset']} --install",
        made=made,
    )


def as_card(item: Item, recipe: Recipe, arrays: int) -> str:
    """The card: command, configuration, data, device, time, metrics, a sample."""
    made = item.made
    rows = {
        "文件": f"`data/{item.file}`，{item.size:,} 字节，"
        f"{arrays} 个张量，{made['parameters']:,} 个数",
        "重做": f"`{item.command}`",
        "设置": "，".join(f"`{key}={value}`" for key, value in made["config"].items()),
        "数据": "，".join(f"`{key}`（SHA-256 `{s[:16]}…`）" for key, s in made["data"].items())
        or item.source,
        "设备": made["device"],
        "用时": f"{made['seconds']:g} 秒",
        "版本": "，".join(f"{key} {value}" for key, value in made["versions"].items()),
        "许可": item.licence,
        "载入": f'`data.checkpoint("{item.name}")` 给出核对过的路径',
    }
    table = [f"| {key} | {value} |" for key, value in rows.items()]
    metrics = [f"| `{key}` | {value:g} |" for key, value in made["metrics"].items()]
    return "\n".join(
        [
            f"# {item.title}\n",
            "| 项目 | 值 |\n| --- | --- |",
            *table,
            f"\n{recipe.ABOUT}\n",
            "## 成绩\n\n| 指标 | 值 |\n| --- | ---: |",
            *metrics,
            f"\n## 样例\n\n```text\n{made['sample']}\n```\n",
            "## 坏了怎么办\n",
            f"    aigc data verify\n    {item.command}\n",
            "重做会连同清单里的校验和一起换掉：换一种处理器，训练出的数最后几位不同，成绩应与上面相近。",
            "",
        ]
    )
