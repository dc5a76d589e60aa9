"""What an upgrade of Kubernetes says before its plan."""

from __future__ import annotations

from fabfile.facts.upgrade_rules import Situation


def noted(now: Situation) -> list[str]:
    """What is upgraded, what an earlier run has done already, and whose servers end."""
    if not now.to_do:
        return [f"every member runs {now.target}"]
    names = [node.name for node in now.to_do]
    done = [node.name for node in now.cluster.nodes if node.name not in names and node.name not in now.off]
    lines = [f"to {now.target}: {', '.join(names)}"]
    if done:
        lines.append(f"{', '.join(done)} {'runs' if len(done) == 1 else 'run'} {now.target} already: the upgrade goes on")
    for node in now.to_do:
        lost = [pod.words for pod in now.cluster.pods if pod.node == node.name and not pod.owner]
        if lost:
            lines.append(f"on {node.name}: {', '.join(lost)}")
    return lines
