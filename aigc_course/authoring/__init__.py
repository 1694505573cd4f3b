"""Tools for the people who write the notebooks: text form, execution, normalising, proof."""
