"""`downroute grade` ends in the verdict that the same `downroute study` comes to once more."""

import json

import pytest

from .test_grade import BASELINE, CANDIDATE, CONFIG, STUDY, better, completion, write_letters


def write_labels(work, rows=300):
    """A task that rules judge, beside the letters: both models sort tickets, equally well."""
    recorded, chats = [], []
    for number in range(rows):
        asked = [{"role": "user", "content": f"Sort ticket {number}: bug or other?"}]
        said = "bug" if number % 2 else "other"
        completions = {m: {"completion": completion(m, said)} for m in (BASELINE, CANDIDATE)}
        recorded.append(
            {"id": f"sort/{number}", "request": {"messages": asked}, "responses": completions}
        )
        row = {
            "model": BASELINE,
            "messages": [*asked, {"role": "assistant", "content": said}],
            "metadata": {"task": "sort"},
            "reference": said,
        }
        chats.append(row)
    for name, lines in (("sort.jsonl", recorded), ("sorted.jsonl", chats)):
        (work / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


def grade_offline(work, downroute):
    """All pairs graded for the candidate, by the file; the report."""
    assert downroute("grade", "--export", "pairs.html").code == 101
    data = (work / "pairs.html").read_text().split('id="cards">')[1].split("</script>")[0]
    grades = [{"card": c["id"], "grade": better(c)} for c in json.loads(data)["cards"]]
    result = {"kind": "downroute grades", "sitting": "a1b2c3d4", "grades": grades}
    (work / "result.json").write_text(json.dumps(result))
    done = downroute("grade", "--import", "result.json", "--json")
    return json.loads(done.out), done


def by_name(report):
    return {t["task"]: {k: v for k, v in t.items() if k != "evidence"} for t in report["tasks"]}


@pytest.mark.parametrize("how", [["--from-file", "some.jsonl"], ["--repeats", "2"], []])
def test_the_verdict_is_the_study_s_own(work, downroute, replay, how):
    (work / "downroute.yaml").write_text(CONFIG)
    write_letters(work)
    write_labels(work)
    chats = (work / "chat.jsonl").read_text().splitlines()
    (work / "some.jsonl").write_text("\n".join(chats[:200]) + "\n")
    assert downroute("import", "chat.jsonl", "sorted.jsonl").code == 0
    with replay("letters.jsonl", "sort.jsonl") as url:
        study = [*STUDY, *how, "--upstream", url, "--yes", "--no-floor", "--json"]
        first = by_name(json.loads(downroute(*study).out))
    assert first["letters"]["stopped"] == "waiting for grades"
    graded, done = grade_offline(work, downroute)
    told = by_name(graded)
    assert told["letters"]["verdict"] == "route", done.err
    assert told["letters"]["examples"] <= (200 if how and how[0] == "--from-file" else 300)
    # Nothing answers any more: the study has all it needs, with the grades in the store.
    again = by_name(json.loads(downroute(*study).out))
    assert again == told
    if "sort" in told:
        assert told["sort"]["verdict"] == "route"
        assert [told[n]["stands_among_all"] for n in ("letters", "sort")] == [True, True]
