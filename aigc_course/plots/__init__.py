"""Figures: one style, one palette, Chinese everywhere, alternative text for every picture.

>>> from aigc_course import plots
>>> plots.use_style()
>>> fig = plots.learning_curves({"训练": [2.3, 0.9, 0.5]}, title="损失降到 0.5")
>>> plots.show(fig, alt="训练损失三轮里从 2.3 降到 0.5")
"""

from aigc_course.plots.animation import animate
from aigc_course.plots.charts import bars, learning_curves, scatter
from aigc_course.plots.display import show
from aigc_course.plots.graphs import GraphNode, Node, graph
from aigc_course.plots.images import image_grid
from aigc_course.plots.matrices import confusion, heatmap
from aigc_course.plots.style import COLORS, LINESTYLES, MARKERS, use_style
from aigc_course.plots.surfaces import contours, decision_surface
from aigc_course.plots.widgets import interact

__all__ = [
    "COLORS",
    "LINESTYLES",
    "MARKERS",
    "GraphNode",
    "Node",
    "animate",
    "bars",
    "confusion",
    "contours",
    "decision_surface",
    "graph",
    "heatmap",
    "image_grid",
    "interact",
    "learning_curves",
    "scatter",
    "show",
    "use_style",
]
