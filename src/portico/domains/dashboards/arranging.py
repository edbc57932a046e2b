"""Where proposed widgets go on a dashboard that may have changed since they were proposed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Widget = dict[str, Any]
_WIDTH, _HEIGHT, _COLUMNS = 6, 6, 12


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
    """The first row below those that have a place; a place that is none is somebody else's finding."""
    places = [place for widget in widgets if isinstance(place := widget.get("place"), dict)]
    rows = [place["y"] + place["h"] for place in places if {type(place.get("y")), type(place.get("h"))} == {int}]
    return max(rows, default=0)
