"""What is told by mail and to a chat: a line with what is new, then each finding as the doctor prints it."""

from __future__ import annotations

from collections.abc import Iterator

from fabfile.news import News
from fabfile.screen.findings import as_text


def subject(rack: str, heard: News) -> str:
    """[flock] 1 new, 2 gone: kubelet does not run on chick1"""
    counts = [f"{len(of)} {word}" for word, of in (("new", heard.new), ("worse", heard.worse), ("gone", heard.gone)) if of]
    whats = [one.what for of in (heard.new, heard.worse, heard.gone) for one in of.values()]
    return f"[{rack}] {', '.join(counts)}: {whats[0]}"


def text(heard: News) -> str:
    """All of it."""
    return "\n\n".join(_parts(heard))


def _parts(heard: News) -> Iterator[str]:
    for word, findings in (("New:", heard.new), ("Worse:", heard.worse)):
        if findings:
            yield f"{word}\n{as_text(findings.values())}"
    if heard.gone:
        yield "\n".join(["Gone:", *(f"   {one.what}" for one in heard.gone.values())])
