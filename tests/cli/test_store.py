import json

import pytest

from downroute.cli.main import main
from downroute.records import Answer, Call
from downroute.store import Store


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    request = {"messages": [{"role": "user", "content": "I am Ishbel"}]}
    call = Call("c1", "test", "m", "f", request=request, answer=Answer(text="hi"), subject="p")
    with Store.open(tmp_path / ".downroute") as store:
        store.calls.add([call])
    return tmp_path / ".downroute"


def test_a_person_s_words_are_counted_then_deleted(folder, capsys):
    assert main(["store", "info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bodies"] == 1
    assert main(["store", "purge", "--subject", "p"]) == 0
    assert "deleted: 1 requests" in capsys.readouterr().out
    assert all(b"Ishbel" not in file.read_bytes() for file in folder.iterdir())
    assert main(["store", "info"]) == 0
    assert "requests with their answers: 0\n" in capsys.readouterr().out


@pytest.mark.parametrize("args", [[], ["--all", "--subject", "p"], ["--before", "soon"]])
def test_a_purge_that_is_not_clear_deletes_nothing(folder, capsys, args):
    assert main(["store", "purge", *args]) == 2
    assert "--" in capsys.readouterr().err
    with Store.open(folder) as store:
        assert store.purge.kept().bodies == 1


def test_what_has_expired_is_deleted_and_needs_to_be_said_when_it_does(folder, capsys):
    assert main(["store", "purge", "--expired"]) == 2
    assert "keep_days" in capsys.readouterr().err
    (folder.parent / "downroute.yaml").write_text("store: {keep_days: 30}")
    assert main(["store", "purge", "--expired"]) == 0
    assert "deleted: 0 requests" in capsys.readouterr().out
    (folder.parent / "downroute.yaml").write_text("store: {keep_days: 0.00000001}")
    assert main(["store", "purge", "--expired"]) == 0
    assert "deleted: 1 requests" in capsys.readouterr().out
    assert all(b"Ishbel" not in file.read_bytes() for file in folder.iterdir())
