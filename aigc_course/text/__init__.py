"""From raw pages to tokens: cleaning, duplicates, private data, segmentation, vocabularies.

Each module does one thing and is imported by its name: ``from aigc_course.text import cleaning``.
Importing this package imports none of them.
"""
