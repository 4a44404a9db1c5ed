import pytest

from downroute import config
from downroute.errors import ConfigError
from downroute.upstream_settings import Place


def refused(upstream: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config.parse(f"upstreams:\n  a: {upstream}\n", "d.yaml")
    return str(caught.value)


def test_an_upstream_without_deployments_is_one_itself():
    settings = config.parse(
        "upstreams: {a: {base_url: 'http://x/', key: env:K, headers: {x-team: t}}}", "d.yaml"
    )
    assert settings.upstreams["a"].places == (Place("http://x", "env:K", {"x-team": "t"}, 1.0, {}),)


def test_a_key_written_into_a_deployment_is_refused_and_not_repeated():
    said = refused("{base_url: 'http://x', deployments: [{key: sk-secret-123}]}")
    assert said.startswith("d.yaml:2:")
    assert "env:VARIABLE" in said and "sk-secret-123" not in said


@pytest.mark.parametrize(
    ("upstream", "said"),
    [
        ("{base_url: 'http://x', deployments: [{weight: 0}]}", "so none would ever be asked"),
        ("{base_url: 'http://x', deployments: [{weight: -1}]}", "greater than or equal to 0"),
        ("{base_url: 'http://x', deployments: [{url: 'http://y'}]}", "is not a setting"),
        ("{base_url: 'http://x', timeouts: {connect_s: 0}}", "greater than 0"),
        ("{base_url: 'http://x', retries: {most: 11}}", "less than or equal to 10"),
        ("{base_url: 'http://x', breaker: {failures: 0}}", "greater than or equal to 1"),
        ("{base_url: 'http://x', in_flight: {most: 0}}", "greater than or equal to 1"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(upstream, said):
    fault = refused(upstream)
    assert said in fault and fault.startswith("d.yaml:2:")


def test_key_files_of_deployments_lie_beside_the_configuration(tmp_path):
    file = tmp_path / "downroute.yaml"
    file.write_text("upstreams: {a: {base_url: 'http://x', deployments: [{key: file:k}]}}")
    (place,) = config.load(file).upstreams["a"].places
    assert place.key == f"file:{tmp_path / 'k'}"
