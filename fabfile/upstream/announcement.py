"""An announcement on a hub's pages: the text of JupyterHub's own template variable `announcement`, which it shows as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from fabfile.rack.editing import Path

KEYS = ("hub", "templateVars", "announcement")  # in a hub's values

# the browser takes it away when its time is over, also on a page that is open: no hub has to start again for that
_ENDS = ("<script>{{const box = document.currentScript.parentElement, left = {end} - Date.now();"
         "if (left <= 0) box.remove(); else setTimeout(() => box.remove(), Math.min(left, 2000000000));}}</script>")


def announcement(text: str, until: datetime | None = None) -> str:
    """The text, safe within HTML; shown until then."""
    return html.escape(text.strip(), quote=False) + (_ENDS.format(end=int(until.timestamp() * 1000)) if until else "")


def moment(text: str, now: datetime) -> datetime:
    """ "18:00" (the next one), or a day and a time as ISO 8601 has them; in the time zone of `now` unless it says another. Raises
    ValueError."""
    if len(text) <= 5:
        hour, _, minute = text.partition(":")
        at = now.replace(hour=int(hour), minute=int(minute or 0), second=0, microsecond=0)
        return at if at > now else at + timedelta(days=1)
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo else at.replace(tzinfo=now.tzinfo)
    if at <= now:
        raise ValueError("it is over")
    return at


def changes(values: Path, told: str | None) -> Mapping[Path, Any]:
    """What is written into the hub's file, where its values stand at this path: the announcement, or None to remove it."""
    return {(*values, *KEYS): told}
