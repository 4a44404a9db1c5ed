"""Numbers about a question that may tell how hard it is. They are known before it is answered.

All are of the last message of the user unless their line says otherwise.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from operator import itemgetter

from downroute.prompts import response_schema, system_text, tool_schemas, wants_json
from downroute.records import Json
from downroute.remembered import Remembered
from downroute.routing.features import turns
from downroute.routing.reading import LONGEST, Reading

_THOUSANDS = re.compile(r",(?=\d{3}(?!\d))")
_OPTION = re.compile(r"^\s*(?:[-*•]|\(?[A-Za-z0-9]{1,2}[.):])\s", re.MULTILINE)
_NEGATION_WORDS = (
    *("not", "except", "never", "without", "cannot", "no", "none", "neither", "nor", "least"),
)
_NEGATIONS = frozenset(
    f"{written}{mark}"
    for word in _NEGATION_WORDS
    for written in (word, word.upper(), word.capitalize())
    for mark in ("", ",", ".", ":", ";", "?", "!", ")")
)
_FORMULA = re.compile(r"\\[a-zA-Z]+|\$[^$\n]+\$|[=^<>≤≥√∑∫]")
_FORMULA_SIGNS = ("\\", "$", "=", "^", "<", ">")
"""Of those that are ASCII."""
_CODE_WORDS = ("```", "def ", "class ", "import ", "function ", "#include", "SELECT ")
_CODE = re.compile(rf"```|^\s*(?:{'|'.join(_CODE_WORDS[1:])})", re.MULTILINE)
_NAME_PART = re.compile(r"[^\W\d_]{3,}")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_FIRST = itemgetter(0)
_STEM = 5
"""Letters in which two forms of a word agree."""


def question_words(reading: Reading) -> float:
    return float(reading.question_word_count)


def longest_word(reading: Reading) -> float:
    return float(max(map(len, reading.question_words), default=0))


def mean_word_length(reading: Reading) -> float:
    words = reading.question_words
    return len("".join(words)) / len(words) if words else 0.0


def capitalised(reading: Reading) -> float:
    words = reading.question_words
    return sum(map(str.isupper, map(_FIRST, words))) / len(words) if words else 0.0


def non_ascii(reading: Reading) -> float:
    text = reading.question
    if text.isascii():
        return 0.0
    return (len(text.encode(errors="replace")) - len(text)) / len(text)


def question_numbers(reading: Reading) -> float:
    return float(len(reading.question_numbers))


def largest_number(reading: Reading) -> float:
    whole = (re.split("[.,]", _THOUSANDS.sub("", n))[0] for n in reading.question_numbers)
    return math.log10(1 + max((float(digits[:300]) for digits in whole), default=0.0))


def question_marks(reading: Reading) -> float:
    return float(reading.question.count("?") + reading.question.count("？"))


def question_lines(reading: Reading) -> float:
    return float(sum(1 for line in reading.question.splitlines() if line.strip()))


def sentences(reading: Reading) -> float:
    text = reading.question
    ends = sum(text.count(f"{m} ") + text.count(f"{m}\n") for m in ".?" if m in text)
    ends += text.count("! ") if "!" in text else 0
    return float(ends + (0 if text.isascii() else text.count("。")) + 1)


def options(reading: Reading) -> float:
    text = reading.question[:LONGEST]
    if "\n" not in text:
        return float(_OPTION.match(text) is not None)
    return float(len(_OPTION.findall(text)))


def negations(reading: Reading) -> float:
    words = reading.question_words
    # Most questions have none, which is seen at a third of the time of counting them.
    found = 0 if _NEGATIONS.isdisjoint(words) else sum(map(_NEGATIONS.__contains__, words))
    return float(found + reading.question.count("n't"))


def formulas(reading: Reading) -> float:
    text = reading.question[:LONGEST]
    if text.isascii() and not any(sign in text for sign in _FORMULA_SIGNS):
        return 0.0
    return float(len(_FORMULA.findall(text)))


def has_code(reading: Reading) -> float:
    text = reading.question[:LONGEST]
    if "\n" not in text:
        return float("```" in text or _CODE.match(text) is not None)
    if not any(word in text for word in _CODE_WORDS):
        return 0.0
    return float(_CODE.search(text) is not None)


def system_words(reading: Reading) -> float:
    return float(len(system_text(reading.request).split()))


def has_schema(reading: Reading) -> float:
    return float(wants_json(reading.request))


def schema_fields(reading: Reading) -> float:
    schema = response_schema(reading.request)
    return float(0 if schema is None else _known_fields(schema))


def tools_offered(reading: Reading) -> float:
    return float(len(tool_schemas(reading.request)))


def tool_parameters(reading: Reading) -> float:
    return float(sum(_known_fields(schema) for schema in tool_schemas(reading.request).values()))


def tools_named(reading: Reading) -> float:
    """Of the function whose name the question says the most of. A question that says nothing of
    any name may well be one that no function answers."""
    offered = tool_schemas(reading.request)
    if not offered:
        return 0.0
    said = {word[:_STEM] for word in _NAME_PART.findall(reading.question[:LONGEST].lower())}
    return max(_said(name, said) for name in offered)


def _said(name: str, stems: set[str]) -> float:
    """The share of a name's parts (``get_user``, ``getUser``) that are among ``stems``."""
    parts = {p[:_STEM] for p in _NAME_PART.findall(_HUMP.sub(" ", name).lower())}
    return len(parts & stems) / len(parts) if parts else 0.0


def images(reading: Reading) -> float:
    sent = reading.request.get("messages")
    found = 0
    for message in sent if isinstance(sent, (list, tuple)) else ():
        content = message.get("content") if isinstance(message, Mapping) else None
        for part in content if isinstance(content, list) else ():
            found += isinstance(part, Mapping) and part.get("type") in ("image_url", "input_image")
    return float(found)


def question_turns(reading: Reading) -> float:
    return turns(reading.request)


def _fields(schema: Json, depth: int = 8) -> int:
    """The named properties in a schema, nested ones too."""
    if depth == 0 or not isinstance(schema, Mapping):
        return 0
    own = schema.get("properties")
    own = own if isinstance(own, Mapping) else {}
    inner = [*own.values(), schema.get("items")]
    return len(own) + sum(_fields(child, depth - 1) for child in inner)


_known_fields = Remembered(_fields)

QUESTION: Mapping[str, tuple[str, Callable[[Reading], float]]] = {
    "question_words": ("words in the question", question_words),
    "question_lines": ("its lines that are not empty", question_lines),
    "question_sentences": ("about how many sentences it has", sentences),
    "question_marks": ("question marks in it", question_marks),
    "question_numbers": ("numbers written in it", question_numbers),
    "question_magnitude": ("decimal logarithm of its largest number plus 1", largest_number),
    "question_options": ("its lines that begin like an option or a bullet", options),
    "question_negations": ("English words of negation in it", negations),
    "question_formulas": ("signs of formulas in it", formulas),
    "question_capitals": ("share of its words with a capital", capitalised),
    "question_word_length": ("mean length of its words", mean_word_length),
    "question_longest_word": ("length of its longest word", longest_word),
    "question_foreign": ("UTF-8 bytes beyond one a character, a character", non_ascii),
    "question_code": ("1 if there is code in it", has_code),
    "question_images": ("images in the messages", images),
    "question_turns": ("messages of the user", question_turns),
    "system_words": ("words in the instructions", system_words),
    "wants_json": ("1 if the request asks for JSON", has_schema),
    "schema_fields": ("fields in the schema the request brings", schema_fields),
    "tools_offered": ("functions offered", tools_offered),
    "tools_named": ("share of a function's name that the question says, by word", tools_named),
    "tool_parameters": ("parameters of the functions offered", tool_parameters),
}
