"""Where proposed widgets go on a dashboard that may have changed since they were proposed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Widget = dict[str, Any]
_WIDTH, _HEIGHT, _COLUMNS = 6, 6, 12
ANYWHERE = {"x": 0, "y": 0, "w": _WIDTH, "h": _HEIGHT}


def arranged(present: Mapping[str, Widget], proposed: Sequence[Widget]) -> list[Widget]:
    """Each proposed widget with a place: its own, else that of the widget it replaces, else below all others, two in a row."""
    placed: list[Widget] = []
    bottom, free = _bottom([*present.values(), *proposed]), 0
    for widget in proposed:
        if "place" in widget:
            placed.append(widget)
        elif widget["id"] in present:
            placed.append({**widget, "place": present[widget["id"]]["place"]})
        else:
            x, y = free * _WIDTH % _COLUMNS, bottom + free * _WIDTH // _COLUMNS * _HEIGHT
            placed.append({**widget, "place": {"x": x, "y": min(y, 999), "w": _WIDTH, "h": _HEIGHT}})
            free += 1
    return placed


def _bottom(widgets: Iterable[Widget]) -> int:
    """The first row below those that have a place."""
    return max((widget["place"]["y"] + widget["place"]["h"] for widget in widgets if "place" in widget), default=0)
