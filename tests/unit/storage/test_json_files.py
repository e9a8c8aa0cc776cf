from __future__ import annotations

import math

import pytest

from capacity.errors import InputError
from capacity.storage import json_files


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, "é"]}, [], 0, "text"])
def test_json_survives_the_round_trip(value, tmp_path):
    json_files.write_json(tmp_path / "value.json", value)
    assert json_files.read_json(tmp_path / "value.json") == value
    assert (tmp_path / "value.json").read_text().endswith("\n")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_refuses_what_json_does_not_have_and_keeps_the_old_file(value, tmp_path):
    path = tmp_path / "value.json"
    json_files.write_json(path, {"loss": 1.0})
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_files.write_json(path, {"loss": [value]})
    assert json_files.read_json(path) == {"loss": 1.0}
    assert list(tmp_path.iterdir()) == [path]


def test_json_cut_anywhere_is_refused_by_name(tmp_path):
    path = tmp_path / "value.json"
    json_files.write_json(path, {"seeds": [1, 2], "cell": "task=facts", "loss": None})
    whole = path.read_text().rstrip()
    for length in range(len(whole)):
        path.write_text(whole[:length])
        with pytest.raises(ValueError, match=r"value\.json is not a whole JSON file"):
            json_files.read_json(path)


def test_json_whose_text_has_changed_is_refused_even_if_its_values_have_not(tmp_path):
    json_files.write_sealed_json(tmp_path / "value.json", {"x": 1.0, "y": {}})
    assert json_files.read_sealed_json(tmp_path / "value.json") == {"x": 1.0, "y": {}}
    text = (tmp_path / "value.json").read_text()
    (tmp_path / "value.json").write_text(text.replace("1.0", "1.00"))
    with pytest.raises(ValueError, match=r"value\.json is damaged"):
        json_files.read_sealed_json(tmp_path / "value.json")


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a": 1' + b"0" * 5000 + b"}", b"\xff\xfe", b'"\xc3'])
def test_json_of_a_stranger_is_refused_by_name(tmp_path, text):
    (tmp_path / "value.json").write_bytes(text)
    with pytest.raises(InputError, match=r"value\.json is not a whole JSON file"):
        json_files.read_json(tmp_path / "value.json")
