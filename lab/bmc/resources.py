"""A Redfish service's resources, made whole: what makers' answers are cut down to here, with all that DMTF's schemas demand of them."""

from __future__ import annotations

import re
from typing import Any

ROOT = "/redfish/v1/"
SESSIONS = "/redfish/v1/SessionService/Sessions"
RESETS = ("On", "ForceOn", "ForceOff", "GracefulShutdown", "PushPowerButton")
ROLES = {  # those that the specification names, and what each may do
    "Administrator": ["Login", "ConfigureManager", "ConfigureUsers", "ConfigureSelf", "ConfigureComponents"],
    "Operator": ["Login", "ConfigureSelf", "ConfigureComponents"],
    "ReadOnly": ["Login", "ConfigureSelf"],
}

# path → schema and its version; the first that fits
KINDS = (
    (r"/redfish/v1/Systems", "ComputerSystemCollection"),
    (r"/redfish/v1/Systems/[^/]+/ResetActionInfo", "ActionInfo.v1_4_0"),
    (r"/redfish/v1/Systems/[^/]+(/(SD|Settings))?", "ComputerSystem.v1_20_0"),
    (r"/redfish/v1/Managers", "ManagerCollection"),
    (r"/redfish/v1/Managers/[^/]+", "Manager.v1_19_0"),
    (r".*/LogServices", "LogServiceCollection"),
    (r".*/LogServices/[^/]+", "LogService.v1_5_0"),
    (r".*/LogServices/[^/]+/Entries(\?.*)?", "LogEntryCollection"),
    (r".*/LogServices/[^/]+/Entries/[^/]+", "LogEntry.v1_15_0"),
    (r"/redfish/v1/AccountService", "AccountService.v1_15_0"),
    (r"/redfish/v1/AccountService/Roles", "RoleCollection"),
    (r"/redfish/v1/AccountService/Roles/[^/]+", "Role.v1_3_1"),
    (r"/redfish/v1/SessionService", "SessionService.v1_1_9"),
    (r"/redfish/v1/SessionService/Sessions", "SessionCollection"),
    (r"/redfish/v1/SessionService/Sessions/[^/]+", "Session.v1_7_0"),
)


def kind(path: str) -> str:
    """ "#ComputerSystem.v1_20_0.ComputerSystem"."""
    schema = next(schema for pattern, schema in KINDS if re.fullmatch(pattern, path.rstrip("/")))
    return f"#{schema}.{schema.partition('.')[0]}"


def whole(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """One resource with its link, its type and its names."""
    name = path.rstrip("/").rpartition("/")[2]
    made = {"@odata.id": path, "@odata.type": kind(path), "Name": name, **body}
    if "Collection" in made["@odata.type"]:
        members = made.get("Members", [])
        return {**made, "Members": members, "Members@odata.count": made.get("Members@odata.count", len(members))}
    return {"Id": name, **made}


def complete(answers: dict[str, Any]) -> dict[str, Any]:
    """All resources, from the service's root to each log entry."""
    resources = {path: whole(path, body) for path, body in answers.items()}
    for body in [*resources.values()]:
        if about := body.get("Actions", {}).get("#ComputerSystem.Reset", {}).get("@Redfish.ActionInfo"):
            resources[about] = whole(about, {"Parameters": [
                {"Name": "ResetType", "Required": True, "DataType": "String", "AllowableValues": [*RESETS]}]})
        if (entries := body.get("Entries", {}).get("@odata.id", "")) and entries not in resources:
            resources[entries] = whole(entries, {"Members": []})
    for path in [path for path in resources if path.partition("?")[0].endswith("/Entries")]:
        pages = [one for one in resources if one.partition("?")[0] == path.partition("?")[0]]
        entries = []
        for entry in resources[path]["Members"]:
            where = f"{path.partition('?')[0]}/{entry['Id']}"
            resources[where] = whole(where, {"EntryType": "SEL", "Name": f"Entry {entry['Id']}", **entry})
            entries.append(resources[where])
        resources[path] |= {"Members": entries, "Members@odata.count": sum(len(resources[one]["Members"]) for one in pages)}
    managers = sorted(path for path in resources if re.fullmatch(r"/redfish/v1/Managers/[^/]+/?", path))
    resources["/redfish/v1/Managers"] = whole("/redfish/v1/Managers", {"Members": [{"@odata.id": path} for path in managers]})
    resources["/redfish/v1/SessionService"] = whole("/redfish/v1/SessionService", {
        "ServiceEnabled": True, "SessionTimeout": 600, "Sessions": {"@odata.id": SESSIONS}})
    resources[SESSIONS] = whole(SESSIONS, {"Members": []})
    roles = "/redfish/v1/AccountService/Roles"
    resources["/redfish/v1/AccountService"] = whole("/redfish/v1/AccountService", {"Roles": {"@odata.id": roles}})
    resources[roles] = whole(roles, {"Members": [{"@odata.id": f"{roles}/{name}"} for name in ROLES]})
    for name, may in ROLES.items():
        resources[f"{roles}/{name}"] = whole(f"{roles}/{name}", {"RoleId": name, "IsPredefined": True, "AssignedPrivileges": may})
    resources[ROOT] = {
        "@odata.id": ROOT, "@odata.type": "#ServiceRoot.v1_16_1.ServiceRoot", "Id": "RootService", "Name": "Root Service",
        "RedfishVersion": "1.18.0", "UUID": "92384634-2938-2342-8820-489239905423",
        **{name: {"@odata.id": f"{ROOT}{name}"} for name in ("Systems", "Managers", "SessionService", "AccountService")},
        "Links": {"Sessions": {"@odata.id": SESSIONS}},
    }
    return resources


def metadata(resources: dict[str, Any]) -> str:
    """The document that names every schema in use."""
    schemas = sorted({body["@odata.type"].lstrip("#").rpartition(".")[0] for body in resources.values()})
    references = []
    for schema in schemas:
        base = schema.partition(".")[0]
        include = f'<edmx:Include Namespace="{base}"/>' + (f'<edmx:Include Namespace="{schema}"/>' if schema != base else "")
        references.append(f'<edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/{base}_v1.xml">{include}</edmx:Reference>')
    extensions = ('<edmx:Reference Uri="http://redfish.dmtf.org/schemas/v1/RedfishExtensions_v1.xml">'
                  '<edmx:Include Namespace="RedfishExtensions.v1_0_0" Alias="Redfish"/></edmx:Reference>')
    return ('<?xml version="1.0" encoding="UTF-8"?>\n<edmx:Edmx xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx" Version="4.0">'
            + "".join(references) + extensions + '<edmx:DataServices><Schema xmlns="http://docs.oasis-open.org/odata/ns/edm" '
            'Namespace="Service"><EntityContainer Name="Service" Extends="ServiceRoot.v1_16_1.ServiceContainer"/></Schema>'
            "</edmx:DataServices></edmx:Edmx>\n")


def index(resources: dict[str, Any]) -> dict[str, Any]:
    """The service document of OData."""
    named = [{"name": "Service", "kind": "Singleton", "url": ROOT}]
    named += [{"name": name, "kind": "Singleton", "url": link["@odata.id"]} for name, link in resources[ROOT].items()
              if isinstance(link, dict) and "@odata.id" in link]
    return {"@odata.context": "/redfish/v1/$metadata", "value": named}
