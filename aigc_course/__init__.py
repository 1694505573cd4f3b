"""从零到 AIGC: the helper library behind the course's notebooks.

Importing the package is cheap: nothing heavy (torch, matplotlib) is loaded until a part that
needs it is imported.
"""

__version__ = "0.1.0"
