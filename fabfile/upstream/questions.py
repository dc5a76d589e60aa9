"""The questions of Debian's installer: which there are, of which type, and whether an answer is one of theirs.

`debconf-set-selections -c` looks at the form alone: a question that is misspelt, or an answer that the installer does not
know, would show on the machine only, as a question on a screen where nobody is.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from fabfile.rack.spelling import likest

INSTALLER = "d-i"  # the owner of the installer's own questions; any other is a package of the new system
# what the installer's programs read although no template describes it
UNDESCRIBED = {
    "hw-detect/firmware-lookup": "string", "mirror/udeb/suite": "string",
    "partman-lvm/confirm_nooverwrite": "boolean", "partman-md/confirm_nooverwrite": "boolean",
}


@cache
def questions() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Name → type, and the choices where they are known; made by bin/installer-questions."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {name: (kind, ()) for name, kind in UNDESCRIBED.items()}
    for line in files("fabfile.upstream").joinpath("installer_questions.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, kind, *choices = line.split("\t")
            found[name] = kind, tuple(one.strip().replace("\\", "") for one in choices[0].split(", ")) if choices else ()
    return found


def kind_of(owner: str, name: str, answer: object) -> str:
    """The type that a preseed's line has to name: the template's, else as the answer looks."""
    if owner == INSTALLER and name in questions():
        return questions()[name][0]
    return "boolean" if isinstance(answer, bool) else "string"


def wrong(owner: str, name: str, answer: object) -> tuple[str, str] | None:
    """What is wrong with an answer, and a hint; None: nothing is."""
    if answer is not None and not isinstance(answer, str | bool | int):
        return "a text, a number, true or false is wanted", "debconf has no lists and no mappings: a multiselect is one text, with commas"
    if isinstance(answer, str) and ("\n" in answer or answer.endswith("\\")):
        return "an answer is one line, and does not end with a backslash", "a recipe may stand on one line, too"
    if any(letter.isspace() for letter in name) or not name:
        return f"{name!r} is no name of a question", "such as time/zone"
    if owner != INSTALLER:
        return None
    if name not in questions():
        near = likest(name, questions())
        return "Debian's installer has no such question", f"did you mean {near}?" if near else ""
    kind, choices = questions()[name]
    if kind == "boolean" and not isinstance(answer, bool):
        return "this question is answered by true or false", ""
    if kind != "boolean" and isinstance(answer, bool):
        return f"this question is a {kind}: true and false are no answers", "put a text in quotes"
    if kind == "select" and choices and str(answer) not in choices:
        near = likest(str(answer), choices)
        return f"{answer!r} is none of the choices", f"did you mean {near}?" if near else f"there is {', '.join(choices)}"
    return None
