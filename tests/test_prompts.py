from downroute.prompts import (
    request_digest,
    response_schema,
    system_text,
    tool_schemas,
    wants_json,
)

PLAIN = {
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
}


def test_the_digest_ignores_how_a_request_is_delivered():
    sent = {**PLAIN, "model": "a", "stream": True, "temperature": 0, "metadata": {"task": "t"}}
    assert request_digest(sent) == request_digest(PLAIN)


def test_the_digest_sees_text_parts_and_strings_as_one_and_ignores_nulls():
    parts = {
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Be brief."}], "name": None},
            {"role": "user", "content": "Hi", "tool_calls": None},
        ],
        "tools": [],
    }
    assert request_digest(parts) == request_digest(PLAIN)


def test_the_digest_changes_with_messages_tools_and_images():
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
    others = [
        {"messages": [{"role": "user", "content": "Hi"}]},
        {**PLAIN, "tools": [{"type": "function", "function": {"name": "f"}}]},
        {"messages": [PLAIN["messages"][0], {"role": "user", "content": [image]}]},
    ]
    assert len({request_digest(r) for r in [PLAIN, *others]}) == 4


def test_instructions_are_told_from_input():
    assert system_text(PLAIN) == "Be brief."


def test_schemas_are_found_where_they_stand():
    schema = {"type": "object"}
    request = {
        **PLAIN,
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}, "junk"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
    }
    assert tool_schemas(request) == {"f": schema}
    assert response_schema(request) == schema
    assert wants_json(request)
    assert response_schema(PLAIN) is None and not wants_json(PLAIN)


def test_what_is_no_list_reads_as_empty():
    odd = {"messages": "hello", "tools": 5}
    assert system_text(odd) == "" and tool_schemas(odd) == {}
    assert request_digest(odd) != request_digest({"messages": []})
