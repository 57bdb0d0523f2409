"""Units of derivatives and products, written as CF does: `m2 s-1`. Empty where one of the factors is unknown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_TOKEN = re.compile(r"([A-Za-z%µ]+)(-?\d+)?")


def unit_product(factors: Iterable[tuple[str, int]]) -> str:
    """The product of units to powers; "1" where all cancel, and "" where a unit is unknown or cannot be read.

    Examples
    --------
    >>> unit_product([("m s-1", 2), ("m", -1)]), unit_product([("m", 1), ("", 1)])
    ('m s-2', '')
    """
    total: Counter = Counter()
    for unit, power in factors:
        if not power or unit == "1":
            continue
        tokens = [_TOKEN.fullmatch(token) for token in unit.replace("^", "").replace("**", "").split()]
        if not tokens or None in tokens:
            return ""
        for token in tokens:
            assert token is not None
            total[token[1]] += power * int(token[2] or 1)
    parts = [name if power == 1 else f"{name}{power}" for name, power in total.items() if power]
    return " ".join(parts) or "1"
