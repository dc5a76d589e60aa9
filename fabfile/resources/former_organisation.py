"""An organisation that is in the cluster, and in no file any more: what it has there, and how it goes."""

from __future__ import annotations

from collections.abc import Sequence

from fabfile.programs import shell

from .base import Change, Command

SET = "organisation"  # its objects' mark is organisation.NAME
PEER = "coop-rooster"  # the BGPPeer that all organisations share
METALLB = "metallb-system"
_NAMED = 8


def name_of(mark: str) -> str:
    """"biology" of "organisation.biology"; "" for any other mark."""
    kind, dot, name = mark.partition(".")
    return name if dot and kind == SET else ""


def removal(name: str, lines: Sequence[Sequence[str]], kubeconfig: str, *, metallb: bool, last: bool) -> Change:
    """Everything of it goes when its name is typed. `lines` are those of the probe's: of its servers and volumes, too."""
    servers = [words[2] for words in lines if words[:2] == ["server", name]]
    volumes = {words[2]: words[3] for words in lines if words[:2] == ["volume", name] and len(words) == 4}
    deleted = [claim for claim, policy in volumes.items() if policy == "Delete"]
    kept = [claim for claim in volumes if claim not in deleted]
    lost = [f"organisation {name} ends: its namespace, its hub, its addresses, its way out"]
    if servers:
        lost.append(f"servers of users end: {_some(servers)}")
    if deleted:
        lost.append(f"the files of these claims are deleted: {_some(deleted)}")
    if kept:
        lost.append(f"the files of these claims stay where they lie: {_some(kept)}")
    script = shell("organisation_gone", kubeconfig=kubeconfig, mark=f"{SET}.{name}", metallb=METALLB if metallb else "",
                   peer=PEER if last else "")
    return Change(f"organisation {name} is in the cluster, and no longer in configs/organisations.yaml",
                  (Command(script, long=True, limit=900.0, shown=f"delete all that bears the mark {SET}.{name}", says=True),),
                  interrupts="; ".join(lost) + f"; agreed to beforehand by inv organisation.apply --remove {name}", typed=name)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
