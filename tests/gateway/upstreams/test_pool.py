from __future__ import annotations

import random
from collections import Counter

from downroute import config
from downroute.gateway.destinations import Destinations
from downroute.gateway.kept_headers import KeptHeaders
from downroute.gateway.upstream import Fault, Patience
from downroute.gateway.upstreams.pool import Deployment, Pool

THREE = """
upstreams:
  main:
    base_url: http://one
    key: env:KEY
    headers: {x-team: support}
    timeout_s: 60
    timeouts: {connect_s: 2, first_byte_s: 20, between_chunks_s: 5, total_s: 90}
    breaker: {failures: 1}
    deployments:
      - {weight: 3}
      - {base_url: http://two, key: env:OTHER, headers: {x-team: other}, names: {large: L}}
      - {base_url: http://three/v1, weight: 0}
"""
KEYS = {"KEY": "k1", "OTHER": "k2"}


def pool(text: str = THREE) -> Pool:
    found = Destinations(config.parse(text, "c"), KEYS).pools["main"]
    return Pool(found.deployments, found.retries, found.turns, random.Random(7))


def hosts(places: list[Deployment | None]) -> Counter[str]:
    return Counter("none" if p is None else p.address.base for p in places)


def seconds(patience: Patience) -> tuple[float | None, ...]:
    return patience.total_s, patience.idle_s, patience.first_byte_s, patience.connect_s


def test_a_deployment_is_as_its_upstream_where_it_says_nothing_else() -> None:
    one, two, three = (d.address for d in pool().deployments)
    assert [a.chat_url for a in (one, two, three)] == [
        "http://one/v1/chat/completions",
        "http://two/v1/chat/completions",
        "http://three/v1/chat/completions",
    ]
    assert one.headers == three.headers == {"x-team": "support", "authorization": "Bearer k1"}
    assert two.headers == {"x-team": "other", "authorization": "Bearer k2"}
    assert "k1" not in repr(one)


def test_each_gets_its_share_by_weight_and_one_of_weight_0_none() -> None:
    three = pool()
    drawn = hosts([three.choose((), 0.0) for _ in range(4000)])
    assert set(drawn) == {"http://one/v1", "http://two/v1"}
    assert 0.72 < drawn["http://one/v1"] / 4000 < 0.78


def test_one_of_weight_0_is_asked_where_the_others_fail_or_rest() -> None:
    three = pool()
    one, two, spare = three.deployments
    assert three.choose([one, two], 0.0) is spare
    assert three.choose([one, two, spare], 0.0) is None
    two.rests_until = 50.0
    assert hosts([three.choose((), 10.0) for _ in range(50)]) == {"http://one/v1": 50}
    one.breaker.failed(10.0)
    assert three.choose((), 10.0) is spare


def test_where_all_rest_the_one_that_has_rested_most_is_asked() -> None:
    three = pool()
    for place, until in zip(three.deployments, (30.0, 20.0, 40.0), strict=True):
        place.rests_until = until
    assert three.choose((), 10.0) is three.deployments[1]


def test_where_all_circuits_are_open_nobody_is_asked_and_it_is_said_until_when() -> None:
    three = pool()
    for place, now in zip(three.deployments, (10.0, 8.0, 12.0), strict=True):
        place.breaker.failed(now)
    assert three.choose((), 12.0) is None and three.all_open
    fault = three.closed_off(12.0)
    assert (fault.fault, fault.retry_after_s) == (Fault.OPEN, 1.0)


def test_timeouts_are_those_of_the_file_and_timeout_s_where_they_say_nothing() -> None:
    told = pool().first
    assert seconds(told.patience(600, stream=False)) == (90, 5, 20, 2)
    assert seconds(told.patience(600, stream=True)) == (90, 5, 20, 2)
    assert told.patience(30, stream=True).total_s == 30
    plain = pool("upstreams: {main: {base_url: 'http://one', timeout_s: 60}}").first
    assert seconds(plain.patience(600, stream=False)) == (60, None, None, 10)
    assert seconds(plain.patience(600, stream=True)) == (600, 60, 60, 10)


def test_what_is_known_of_places_that_stay_survives_other_settings() -> None:
    destinations = Destinations(config.parse(THREE, "c"), KEYS)
    before = destinations.pools["main"]
    before.deployments[1].breaker.failed(10.0)
    changed = THREE.replace("weight: 3", "weight: 1").replace("//three", "//four")
    destinations.take(config.parse(changed, "c"))
    after = destinations.pools["main"]
    assert after is not before and after.turns is before.turns
    assert [d.breaker.closed for d in after.deployments] == [True, False, True]
    assert after.deployments[0].weight == 1.0


def test_the_headers_for_a_place_are_made_once_for_those_of_a_client_and_anew_for_another() -> None:
    onward = KeptHeaders([("authorization", "Bearer theirs"), ("x-a", "b")])
    places = [Destinations(config.parse(THREE, "c"), KEYS).pools["main"].first for _ in range(200)]
    for place in places:
        sent = place.sent(onward)
        assert sent is place.sent(onward)
        assert list(sent) == list(place.sent(list(onward)))
    assert len(onward.made) <= 64
