"""What the pages say beside what there is."""

import re
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from downroute import config
from downroute.cli.command_line import load
from downroute.cli.commands import COMMANDS
from downroute.config import Settings
from downroute.records import Decision
from downroute.routing.checks import CHECKS
from downroute.routing.features import FEATURES
from downroute.routing.policy import PolicyFile, read_policy
from downroute.routing.signals import SIGNALS
from downroute.scoring.spec import build_scorer, describe
from downroute.scoring.table import PROMPTFOO_NAMES, RECORDED, SCORERS
from downroute.study.result import TaskResult
from downroute.study.verdict import Outcome, Stopped

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "downroute"
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
REQUIRED = object()


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def in_first_column(text: str) -> list[str]:
    """What stands in backticks in the first cell of every table row."""
    cells = re.findall(r"^\| (.*?)(?<!\\) \|", text, re.MULTILINE)
    return [code for cell in cells for code in re.findall(r"`([^`]+)`", cell)]


def test_architecture_names_every_file_once_and_no_other():
    made = {*PACKAGE.rglob("*.so"), PACKAGE / "compiled.json"}  # of `make compiled`
    files = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path not in made
    }
    named = in_first_column((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
    assert sorted(named) == sorted(files)


def parts(name: str) -> list[tuple[str, Any]]:
    """A command, or the commands under it."""
    loaded = load(name)
    under = getattr(loaded, "commands", None)
    return [(name, loaded)] if under is None else [(f"{name} {n}", c) for n, c in under.items()]


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_each_command_s_section_names_its_options_and_no_others(row):
    sections = re.split(r"^##+ `downroute (.+?)`$", page("commands.md"), flags=re.MULTILINE)
    section = dict(zip(sections[1::2], sections[2::2], strict=True))
    for name, command in parts(row.name):
        shown = [p for p in command.params if not getattr(p, "hidden", False)]
        there = {o for p in shown for o in p.opts if o[:2] == "--"} - {"--help"}
        text = section[name]
        assert [o for o in sorted(there) if not re.search(rf"`{o}(?![\w-])", text)] == [], name
        rows = {code.split()[0] for code in in_first_column(text) if code.startswith("--")}
        assert rows <= there, name


def test_study_json_s_keys_are_explained():
    result = TaskResult(
        "task", "json", "large", "small", Outcome.KEEP, Stopped.DECIDED, 0, 0, 0, "exact", ""
    )
    keys = in_first_column(page("commands.md"))
    assert [k for k in result.as_json() if k not in keys] == []
    assert [s for s in Stopped if f"`{s}`" not in page("commands.md")] == []


def keys_of(shape: Any, path: str = "") -> dict[str, object]:
    """Every key of a settings class with its default, names of the user's own as ``*``."""
    if get_origin(shape) is dict:
        return keys_of(get_args(shape)[1], f"{path}.*")
    if get_origin(shape) is list:
        return keys_of(get_args(shape)[0], f"{path}[]")
    found: dict[str, object] = {}
    for choice in (shape, *get_args(shape)):
        if isinstance(choice, type) and issubclass(choice, BaseModel):
            for name, field in choice.model_fields.items():
                key = f"{path}.{field.alias or name}".removeprefix(".")
                inner = keys_of(field.annotation, key)
                default = REQUIRED
                if not field.is_required():
                    default = field.get_default(call_default_factory=True)
                found |= inner or {key: default}
    return found


def documented_keys(text: str) -> dict[str, str]:
    rows = re.findall(r"^\| `([\w.\[\]]+)` \| (.+?) \|", text, re.MULTILINE)
    return {re.sub(r"\.[A-Z]+(?=\.)", ".*", key): default for key, default in rows}


def as_documented(default: object, said: str) -> bool:
    match default:
        case _ if default is REQUIRED:
            return said == "required"
        case None:
            return said == "none"
        case bool():
            return said == str(default).lower()
        case int() | float():
            return float(said) == default
        case {} | []:
            return said == f"`{default}`"
    return said == f"`{default}`"


@pytest.mark.parametrize(
    ("name", "shape", "containers"),
    [
        ("configuration.md", Settings, {"upstreams.*.deployments": "`[]`"}),
        ("policy.md", PolicyFile, {"routes": "`[]`"}),
    ],
)
def test_every_key_is_documented_with_its_default(name, shape, containers):
    said = documented_keys(re.split(r"^##+ ", page(name).partition("## Keys\n")[2], flags=re.M)[0])
    for key, default in containers.items():
        assert said.pop(key) == default
    there = keys_of(shape)
    assert sorted(said) == sorted(there)
    assert [k for k, default in there.items() if not as_documented(default, said[k])] == []


def test_checks_signals_features_and_decisions_are_documented():
    names = in_first_column(page("policy.md"))
    assert [n for n in (*CHECKS, *SIGNALS, *FEATURES) if n not in names] == []
    assert [d for d in Decision if d not in in_first_column(page("gateway.md"))] == []


def yaml_blocks(text: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_marked_yaml_is_what_downroute_reads(path):
    for block in yaml_blocks(path.read_text(encoding="utf-8")):
        if block.startswith("# downroute.yaml"):
            for task in config.parse(block, path.name).tasks.values():
                assert task.scorer is None or build_scorer(task.scorer)
        elif block.startswith("# policy.yaml"):
            assert read_policy(block, path.name).routes


def test_every_scorer_has_a_section_with_its_options_and_one_example_written_twice():
    text = page("scorers.md")
    sections = re.split(r"^### `(\w+)`$", text, flags=re.MULTILINE)
    section = dict(zip(sections[1::2], sections[2::2], strict=True))
    assert [*section] == [*SCORERS, RECORDED]
    for name, row in SCORERS.items():
        options = [o for o in in_first_column(section[name]) if o in row.scorer.__slots__]
        assert sorted(options) == sorted(row.scorer.__slots__), name
        written = YAML(typ="safe").load(yaml_blocks(section[name])[0])
        [line] = re.findall(r"^`--scorer '?(.+?)'?`$", section[name], re.MULTILINE)
        assert describe(build_scorer(written)) == describe(build_scorer(line)), name
    assert [n for n in PROMPTFOO_NAMES if f"`{n}`" not in text] == []


def test_decisions_have_numbers_of_their_own_and_are_listed_in_their_order():
    pages = sorted(p.name for p in (DOCS / "decisions").glob("[0-9]*.md"))
    listed = re.findall(r"\((\d\d-[\w-]+\.md)\)", page("decisions/README.md"))
    assert listed == pages
    numbers = [name[:2] for name in pages]
    assert len(numbers) == len(set(numbers)), "two pages have one number: take the next free one"


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_relative_links_lead_somewhere(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for link in re.findall(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link
