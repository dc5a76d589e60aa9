"""The rack: one frozen value made of hosts.yaml and configs/; every problem is reported with file and line."""

from fabfile.rack.model import Cluster, Interface, Machine, NetworkPlan, Operator, Rack, Versions
from fabfile.rack.problem import Problem, RackProblems

__all__ = [
    "Cluster", "Interface", "Machine", "NetworkPlan", "Operator", "Problem", "Rack", "RackProblems",
    "Versions",
]
