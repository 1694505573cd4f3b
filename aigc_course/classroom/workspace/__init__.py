"""The learner's copy of the notebooks, and JupyterLab on it."""
