from __future__ import annotations

from downroute.providers.parameters import adapt

REQUEST = {
    "model": "big",
    "messages": [{"role": "user", "content": "hi"}],
    "temperature": 0.2,
    "max_tokens": 50,
    "x_unknown": {"kept": True},
}


def test_without_settings_only_the_model_is_named_anew() -> None:
    assert adapt(REQUEST, "big-2") == {**REQUEST, "model": "big-2"}


def test_a_reasoning_models_settings_read_as_the_config_example_does() -> None:
    adapted = adapt(
        REQUEST,
        "gpt-6-luna",
        set_={"reasoning_effort": "low"},
        rename={"max_tokens": "max_completion_tokens"},
        drop=["temperature"],
    )
    assert adapted == {
        "model": "gpt-6-luna",
        "messages": REQUEST["messages"],
        "max_completion_tokens": 50,
        "x_unknown": {"kept": True},
        "reasoning_effort": "low",
    }


def test_the_order_is_drop_then_rename_then_set_then_model() -> None:
    request = {"a": 1, "b": 2, "c": 3}
    assert adapt(request, "m", drop=["a"], rename={"a": "x"}) == {"b": 2, "c": 3, "model": "m"}
    assert adapt(request, "m", drop=["b"], rename={"a": "b"})["b"] == 1
    assert adapt(request, "m", rename={"a": "x"}, set_={"x": 9})["x"] == 9
    assert adapt(request, "m", set_={"model": "n"})["model"] == "m"


def test_renaming_never_overwrites_what_the_request_says_itself() -> None:
    request = {"max_tokens": 10, "max_completion_tokens": 20}
    adapted = adapt(request, "m", rename={"max_tokens": "max_completion_tokens"})
    assert adapted == {"max_completion_tokens": 20, "model": "m"}


def test_two_parameters_can_swap_names_and_the_request_given_stays_as_it_was() -> None:
    request = {"a": 1, "b": 2}
    assert adapt(request, "m", rename={"a": "b", "b": "a"}) == {"b": 1, "a": 2, "model": "m"}
    assert request == {"a": 1, "b": 2}
