from downroute.answers.code import CodeBlock, code_blocks, program


def test_fenced_blocks_are_found_with_their_language():
    text = "Use this:\n```Python\nx = 1\n```\nor\n~~~\ny\n~~~\n"
    assert code_blocks(text) == [CodeBlock("python", "x = 1"), CodeBlock("", "y")]


def test_a_block_the_answer_breaks_off_in_reaches_to_the_end():
    assert code_blocks("```python\nx = 1\ny =") == [CodeBlock("python", "x = 1\ny =")]


def test_a_program_is_code_blocks_or_a_text_that_begins_like_one():
    assert program("```python\na = 1\n```\nthen\n```python\nb = 2\n```") == "a = 1\n\nb = 2"
    assert program("def solution():\n    return 1") == "def solution():\n    return 1"
    assert program("```\nimport os\n```") == "import os"


def test_data_and_prose_are_no_program():
    assert program('```json\n{"a": 1}\n```') is None
    assert program("The import of goods is due.") is None
    assert program("```\nplain words\n```") is None
