import pytest

from downroute import yamlfile
from downroute.errors import ConfigError
from downroute.yamlfile import Strict


class Inner(Strict):
    size: int = 0


class Outer(Strict):
    name: str
    inner: dict[str, Inner] = {}


def faults(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        yamlfile.validate(yamlfile.parse(text, "x.yaml"), Outer, "x.yaml")
    return str(caught.value)


def test_an_unknown_key_is_refused_with_its_place_and_the_nearest_known_one():
    message = faults("name: a\ninner:\n  first: {siz: 3}\n")
    assert message.startswith("x.yaml:3:11: 'inner.first.siz' is not a setting")
    assert "did you mean 'size'?" in message


def test_every_fault_is_a_line_of_its_own():
    message = faults("inner: {a: {size: big}}\nnaem: x\n")
    assert len(message.splitlines()) == 3
    assert "'name' is missing" in message
    assert "x.yaml:1:13: 'inner.a.size'" in message


def test_broken_yaml_names_line_and_column():
    with pytest.raises(ConfigError, match=r"x\.yaml:\d+:\d+: not valid YAML"):
        yamlfile.parse("a: 1\nb: [1, 2\n", "x.yaml")


def test_a_list_at_the_top_is_refused():
    with pytest.raises(ConfigError, match=r"x\.yaml:1:1: expected `key: value` lines"):
        yamlfile.parse("- a\n", "x.yaml")


def test_an_empty_file_is_an_empty_mapping():
    assert yamlfile.parse("# nothing yet\n", "x.yaml") == {}


def test_comments_survive_a_rewrite():
    text = "# why\nname: a # which\n"
    assert yamlfile.dump(yamlfile.parse(text, "x.yaml")) == text
