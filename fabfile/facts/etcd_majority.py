"""Whether etcd keeps its majority when a member leaves, or while some are away: a question and its answer as values."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping

from fabfile.resources.etcd_members import etcdctl

_NAMELESS = "one that never started"  # its join did not finish; the next bootstrap does it again


def etcd_question(leader: str, pki: str) -> str:
    """The query to this control plane about etcd's members: a line of those that there are, a line of how they answer."""
    return (f"{etcdctl(leader, pki)}\n"
            "etcdctl member list -w json 2>/dev/null; echo\netcdctl endpoint health --cluster -w json 2>/dev/null; echo")


def members_of(answer: str) -> dict[str, bool]:
    """Member → whether it answers, by the answer to that query. Raises ValueError where etcd does not tell."""
    try:
        listed, health = (json.loads(line) for line in answer.splitlines() if line.strip())
        well = {one["endpoint"] for one in health if one["health"]}
        found = {member.get("name") or _NAMELESS: not well.isdisjoint(member.get("clientURLs") or ()) for member in listed["members"]}
    except (ValueError, TypeError, KeyError, AttributeError):
        found = {}
    if not found:
        raise ValueError(f"etcd does not tell its members ({' '.join(answer.split())[:200] or 'no answer'})")
    return found


def etcd_without(machine: str, answer: str) -> str:
    """Why etcd cannot do without this member, by the answer to that query; empty where those that are left are a majority
    of themselves. A member that leaves takes its vote with it."""
    try:
        answers = members_of(answer)
    except ValueError as problem:
        return f"{problem}, so it is not known whether it can do without {machine}: inv doctor"
    silent = [name for name, said in answers.items() if not said and name != machine]
    left = len(answers) - 1
    if machine not in answers or left - len(silent) > left // 2:
        return ""
    return (f"etcd has {len(answers)} members, and {_silent(silent)}: without {machine} it would "
            f"lose its majority, and the cluster with it. Switch {', '.join(silent)} on, or first: {_repairs(silent)}")


def etcd_while_away(batches: Iterable[Collection[str]], answers: Mapping[str, bool]) -> Iterator[str]:
    """Why the machines of each batch must not be away at the same time; nothing where etcd bears it. A member that is away keeps its
    vote. `answers`: members_of; machines that are none are left out.

    One member alone may go while all others answer, also of one or two: that costs the API server for a while, not more.
    """
    bears = max(1, (len(answers) - 1) // 2)
    for batch in batches:
        going = [name for name in batch if name in answers]
        silent = [name for name, said in answers.items() if not said and name not in going]
        room = bears - len(silent)
        if not going or len(going) <= room:
            continue
        has = f"etcd has {len(answers)} members" + (f", and {_silent(silent)}" if silent else "")
        if room > 0:
            yield (f"{has}: {', '.join(going)} must not be rebooted together, or it loses its majority, and the API server does not "
                   f"answer. Of its members, {room} at a time may be, together with any workers: --at-once {room}")
        else:
            others = " and ".join(["workers", *(name for name in silent if name != _NAMELESS)])
            yield (f"{has}: while {', '.join(going)} {'is' if len(going) == 1 else 'are'} away, too, it has no majority, and the API "
                   f"server does not answer. As long as that is so, only {others} may be rebooted. Switch {', '.join(silent)} on, or "
                   f"first: {_repairs(silent)}")


def etcd_while_off(machine: str, answer: str) -> list[str]:
    """What etcd loses while this machine is off, by the answer to that query: no line where it keeps its majority."""
    try:
        return [*etcd_while_away([[machine]], members_of(answer))]
    except ValueError as problem:
        return [f"{problem}, so it is not known whether it keeps its majority without {machine}"]


def _silent(names: Collection[str]) -> str:
    return f"{', '.join(names)} {'does' if len(names) == 1 else 'do'} not answer"


def _repairs(names: Iterable[str]) -> str:
    return ", then ".join("inv cluster.bootstrap" if name == _NAMELESS else f"inv node.remove {name} --dead" for name in names)
