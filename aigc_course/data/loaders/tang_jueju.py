"""Quatrains of the Tang alone: 14,116 of the poems of :mod:`~aigc_course.data.loaders.jueju`."""

from __future__ import annotations

from functools import lru_cache

from aigc_course.data.loaders.jueju import Poems, jueju

__all__ = ["tang_jueju"]


def tang_jueju() -> Poems:
    """The Tang poems of :func:`jueju`, in the same parts.

    Raises:
        DataError: as for :func:`jueju`.

    Example:
        >>> poems = tang_jueju()
        >>> {poem.dynasty for poem in poems.test}
        {'唐'}
    """
    return _load(jueju())


@lru_cache(maxsize=1)
def _load(poems: Poems) -> Poems:
    parts = (poems.train, poems.val, poems.test)
    return Poems(*(tuple(poem for poem in part if poem.dynasty == "唐") for part in parts))
