"""The table of commands: one row each. A command's module is loaded when it is called, so that
`downroute --help` stays quick whatever the rooms behind the commands bring with them.
"""

from __future__ import annotations

from typing import NamedTuple


class Command(NamedTuple):
    """``attribute`` of ``downroute.cli.<module>`` is a function, or a typer app of commands."""

    name: str
    panel: str
    module: str
    attribute: str
    summary: str


COMMANDS = (
    Command("demo", "Start", "demo", "demo", "See the whole story on a bundled workload."),
    Command("doctor", "Start", "doctor", "doctor", "Check that everything is in place."),
    Command("import", "Prove", "import_", "import_", "Read logs of calls into the store."),
    Command("audit", "Prove", "audit", "audit", "Show the tasks in the log and what they cost."),
    Command("study", "Prove", "study", "study", "Prove on examples which tasks can move."),
    Command("grade", "Prove", "grade", "grade", "Have people grade the pairs a verdict needs."),
    Command("backtest", "Prove", "backtest", "backtest", "Repeat the decision on known answers."),
    Command("policy", "Run", "policy", "app", "Look at, check and switch the routing policy."),
    Command("serve", "Run", "serve", "serve", "Run the gateway that follows the policy."),
    Command("report", "Run", "report", "report", "Show what routing spent and what it saved."),
    Command("store", "Operate", "store", "app", "See what is kept, and delete it for good."),
    Command("keys", "Operate", "keys", "app", "Make, list and revoke keys for the gateway."),
    Command("replay", "Operate", "replay", "replay", "Serve recorded answers as an API."),
)
