"""Resources, planned and made where a shell is: beside an API server, or on the root of a machine."""

from __future__ import annotations

from fabfile.resources import Change, Resource


class Applies:
    """For what has `shell(text)`, which prints, and fails where the text does."""

    def shell(self, text: str) -> str:
        raise NotImplementedError

    def plan(self, resource: Resource) -> list[Change]:
        return list(resource.changes(self.shell(resource.probe()), frozenset()))

    def apply(self, resource: Resource) -> list[Change]:
        """Makes its changes, and sees that it then has none."""
        made = self.plan(resource)
        for change in made:
            for command in change.commands:
                self.shell(command.script)
        assert self.plan(resource) == []
        return made
