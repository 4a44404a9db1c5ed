import gzip
import json
from pathlib import Path

import pytest

from downroute.answers.openai_chat import answer_from_completion

RECORDED = Path(__file__).resolve().parents[2] / ".." / "shared" / "recorded"


@pytest.fixture
def recorded():
    """All answers of a recording: (request, reference, model, answer, recorded score)."""
    if not RECORDED.is_dir():
        pytest.skip("the recordings are not beside the checkout")

    def read(task):
        with gzip.open(RECORDED / f"{task}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                request = row["request"]
                if "schema" in row:
                    wanted = {"name": "row", "schema": row["schema"]}
                    form = {"type": "json_schema", "json_schema": wanted}
                    request = {**request, "response_format": form}
                for model, response in row["responses"].items():
                    answer = answer_from_completion(response["completion"])
                    yield request, row["reference"], model, answer, response["score"]

    return read
