import pytest

from downroute import config
from downroute.errors import ConfigError

EXAMPLE = """\
upstreams:
  first: {base_url: "http://127.0.0.1:9/v1", key: env:FIRST_KEY}
  second: {base_url: "https://example.test/"}
models:
  large: {upstream: first}
  luna:
    upstream: second
    set: {reasoning_effort: low}
    rename: {max_tokens: max_completion_tokens}
    drop: [temperature]
prices:
  large: {input: 2.5, output: 10, cached_input: 1.25, date: 2026-11-01}
store: {bodies: redacted}
"""


def test_a_full_file_is_read():
    settings = config.parse(EXAMPLE.replace("date: 2026-11-01", 'date: "2026-11-01"'), "d.yaml")
    assert settings.upstream_of("luna") == ("second", settings.upstreams["second"])
    assert settings.upstream_of("never heard of")[0] == "first"
    assert settings.model("luna").rename == {"max_tokens": "max_completion_tokens"}
    assert settings.store.bodies == "redacted"
    assert settings.margin == 0.05


def test_a_date_may_be_written_without_quotes():
    assert config.parse(EXAMPLE, "d.yaml").prices["large"].date == "2026-11-01"


def test_content_is_not_kept_unless_someone_says_so():
    assert config.parse("", "d.yaml").store.bodies == "none"


def test_a_key_written_into_the_file_is_refused_and_not_repeated():
    with pytest.raises(ConfigError) as caught:
        config.parse("upstreams: {a: {base_url: 'http://x', key: sk-secret-123}}", "d.yaml")
    assert "env:VARIABLE" in str(caught.value)
    assert "sk-secret-123" not in str(caught.value)


def test_a_model_on_an_unknown_upstream_is_refused_with_its_place():
    with pytest.raises(ConfigError, match=r"d\.yaml:1:\d+: model 'm' names upstream 'nowhere'"):
        config.parse("models: {m: {upstream: nowhere}}", "d.yaml")


def test_upstream_on_the_command_line_stands_in_for_all(tmp_path):
    file = tmp_path / "downroute.yaml"
    file.write_text(EXAMPLE)
    settings = config.load(file, upstream="http://127.0.0.1:1234")
    assert settings.upstream_of("luna")[1].base_url == "http://127.0.0.1:1234"
    assert settings.model("luna").drop == ["temperature"]


def test_relative_paths_start_at_the_files_folder(tmp_path):
    file = tmp_path / "downroute.yaml"
    (tmp_path / "secret").write_text("k\n")
    upstream = "upstreams: {a: {base_url: 'http://x', key: 'file:secret'}}\n"
    file.write_text("store: {path: kept}\n" + upstream)
    settings = config.load(file)
    assert config.read_secret(settings.upstreams["a"].key) == "k"
    assert settings.store.path == tmp_path / "kept"
    assert settings.policy == tmp_path / "policy.yaml"


def test_a_missing_secret_is_named_and_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="FIRST_KEY is not set"):
        config.read_secret("env:FIRST_KEY", {})
    with pytest.raises(ConfigError, match="cannot read the key file"):
        config.read_secret(f"file:{tmp_path / 'absent'}")
    assert config.read_secret("env:K", {"K": " value\n"}) == "value"
    assert config.read_secret(None) is None


def test_no_upstream_says_how_to_add_one():
    with pytest.raises(ConfigError, match="--upstream URL"):
        config.parse("", "d.yaml").upstream_of("m")
