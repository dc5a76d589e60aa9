"""Profiles that a hub offers to some groups alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fabfile.loading.draft import Draft, Wrong
from fabfile.rack.services import Service
from fabfile.rack.spelling import did_you_mean
from fabfile.upstream.release import file_of, looked_up, place_of


def profiles_of_groups_are_there(draft: Draft) -> Iterator[Wrong]:
    """Each by its slug; and whoever is in no group can start the default."""
    for service in draft.services.values():
        if not isinstance(service, Service):
            continue
        at = (*place_of(service)[:-1], "profile_groups")
        if service.profile_groups and not service.is_hub:
            yield Wrong(file_of(service), at, f"{service.name} is no hub", "hubs have profiles")
            continue
        listed = looked_up(service.values, "singleuser", "profileList")
        profiles = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, tuple) else []
        slugs = [str(one["slug"]) for one in profiles if "slug" in one]
        default = next((one for one in profiles if one.get("default")), profiles[0] if profiles else {}).get("slug")
        for slug in service.profile_groups:
            if slug not in slugs:
                yield Wrong(file_of(service), (*at, slug), "singleuser.profileList has no profile with this slug",
                            did_you_mean(slug, slugs) if slugs else "give it one: slug: gpu")
            elif slug == default:
                yield Wrong(file_of(service), (*at, slug), "this is the default profile, which everybody needs",
                            "make another one the default")


ALL = (profiles_of_groups_are_there,)
