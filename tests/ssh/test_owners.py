"""What somebody else has set on one machine: it is told before any machine is touched, and taken over where hosts.yaml says so."""

from __future__ import annotations

from toys import Text, always

from fabfile.engine import events
from fabfile.engine.errors import Rejected
from fabfile.engine.step import Step
from fabfile.resources import Nftables, Sysctls

FILE = "/etc/sysctl.d/zz-site.conf"
WHAT = f"{FILE}:1 sets net.ipv4.ip_forward to 0 at every boot, after Coop's /etc/sysctl.d/rack.conf"


def scenario(rack):
    forwards = Sysctls("rack", {"net.ipv4.ip_forward": "1"})
    return [Step("gateway", (rack.gateway,), always(Text("/etc/one", "1"))),
            Step("chicks", rack.chicks, always(forwards, Text("/etc/after", "1")))]


def decide(operator, text: str) -> None:
    hosts = operator.folder / "hosts.yaml"
    hosts.write_text(f"{hosts.read_text()}\nconflicts: {text}\n")


def test_a_conflict_on_one_machine_ends_the_run_before_any_is_touched(operate):
    operator = operate(chicks=2)
    operator.swarm.hosts["chick1"].run(f"mkdir -p /etc/sysctl.d; echo net.ipv4.ip_forward=0 >{FILE}")
    for dry in (True, False):
        result = operator.run(scenario, dry=dry)
        assert result.exit_code == 2
        [error] = result.errors
        assert isinstance(error, Rejected)
        assert error.reasons == (f"chick1: {WHAT}; remove it there, or name {FILE} in hosts.yaml under "
                                 "conflicts.take_over or conflicts.keep",)
    for host in operator.swarm.hosts.values():
        assert host.run("ls -d /etc/one /etc/after /etc/sysctl.d/rack.conf 2>/dev/null", check=False) == ""

    decide(operator, f"{{take_over: [{FILE}]}}")
    result = operator.run(scenario)
    assert (result.exit_code, bool(result.remaining)) == (0, False)
    assert operator.swarm.hosts["chick1"].run(f"cat {FILE}") == "# taken over by Coop: net.ipv4.ip_forward=0\n"
    assert operator.swarm.hosts["chick1"].run("cat /proc/sys/net/ipv4/ip_forward /etc/after") == "1\n1"
    assert operator.run(scenario).changes == 0


def test_what_hosts_yaml_keeps_stays_and_the_run_goes_on(operate):
    operator = operate()
    operator.swarm.hosts["chick0"].run(f"mkdir -p /etc/sysctl.d; echo net.ipv4.ip_forward=0 >{FILE}")
    decide(operator, f"{{keep: [{FILE}]}}")
    assert operator.run(scenario).exit_code == 0
    assert operator.swarm.hosts["chick0"].run(f"cat {FILE}") == "net.ipv4.ip_forward=0\n"
    assert operator.run(scenario).changes == 0


RULES = """table inet coop
delete table inet coop
table inet coop {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state vmap { established : accept, related : accept, invalid : drop }
		iifname "lo" accept
		tcp dport 22 accept
	}
}
"""


def test_a_first_firewall_is_not_applied_without_consent_where_it_cuts_somebody_off(operate):
    operator = operate()
    rooster = operator.swarm.hosts["rooster"]
    rooster.run("rm -f /etc/nftables.conf; (python3 -m http.server 9100 >/dev/null 2>&1 &); "
                "for i in 1 2 3 4 5 6 7 8 9 10; do ss -Hlnt | grep -q :9100 && exit; sleep 0.5; done; exit 1")

    def firewall(rack):
        return [Step("gateway", (rack.gateway,), always(Nftables(RULES)))]

    result = operator.run(firewall)
    assert result.exit_code == 1
    assert "9100/tcp (python3) is not reached any more through enp2s0, enp3s0" in str(result.errors[0])
    assert rooster.run("nft list tables; ls /etc/nftables.conf 2>/dev/null", check=False) == ""
    agreed = []
    assert operator.run(firewall, consent=lambda entries: agreed.append(entries) or True).exit_code == 0
    assert len(agreed) == 1 and "inet coop" in rooster.run("nft list tables")
    assert operator.heard(events.Changed)
