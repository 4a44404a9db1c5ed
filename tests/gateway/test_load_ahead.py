"""What judging answers takes is loaded once the gateway is ready, where anything is judged."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("models", "loaded"), [("[small, large]", "True"), ("[small]", "False")])
def test_only_a_policy_that_judges_has_it_loaded(models: str, loaded: str) -> None:
    text = f"version: 1\nroutes: [{{task: t, models: {models}, unproven: true}}]\n"
    code = f"""
import asyncio, sys
from downroute.gateway.load_ahead import load_ahead
from downroute.gateway.plan import Serving
from downroute.routing.match import RouteTable
from downroute.routing.policy import read_policy
late = "downroute.routing.form_checks"
serving = Serving(RouteTable(read_policy({text!r})))
assert late not in sys.modules
asyncio.run(load_ahead(Serving()))
assert late not in sys.modules
asyncio.run(load_ahead(serving))
print(late in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{loaded}\n", "")
