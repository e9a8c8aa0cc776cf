"""The description in Croissant is valid, and what is read by it is what the files have."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest

from capacity.archive.bundle import digests
from tests.support import validators

CORPUS, RUNS, CLAIMS = "corpora/arithmetic", "tables/base/runs", "tables/claims"
RESPONSIBLE_AI = {
    *("dataCollection", "dataCollectionType", "dataCollectionRawData", "dataCollectionMissingData"),
    *("dataImputationProtocol", "dataPreprocessingProtocol", "dataAnnotationProtocol", "dataUseCases"),
    *("dataLimitations", "dataBiases", "personalSensitiveInformation", "dataSocialImpact"),
    "dataReleaseMaintenancePlan",
}


@pytest.fixture(scope="module")
def described(unpacked):
    return json.loads((unpacked / "croissant.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def validated(unpacked):
    return validators.run("mlcroissant", "validate_croissant.py", unpacked / "croissant.json", CORPUS, RUNS, CLAIMS)


def test_mlcroissant_finds_nothing_wrong(validated):
    assert (validated["errors"], validated["warnings"]) == ([], [])


def test_mlcroissant_would_find_what_is_wrong(described, tmp_path):
    wrong = json.loads(json.dumps(described))
    wrong["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "nothing.parquet"
    (tmp_path / "croissant.json").write_text(json.dumps(wrong), encoding="utf-8")
    (error,) = validators.run("mlcroissant", "validate_croissant.py", tmp_path / "croissant.json")["errors"]
    assert "nothing.parquet" in error


@pytest.mark.parametrize("name", [CORPUS, RUNS, CLAIMS])
def test_records_are_read_as_the_files_have_them(validated, unpacked, name):
    table = pq.read_table(unpacked / f"results/{name}.parquet").to_pandas()
    records = pd.DataFrame(validated["records"][name])
    assert list(records.columns) == list(table.columns)
    for column in table.select_dtypes("number"):
        read = [float("nan" if text in ("None", "<NA>") else text) for text in records[column]]
        assert read == pytest.approx(table[column].to_numpy(float), nan_ok=True), column
    for column in [each for each in table if each not in table.select_dtypes("number") and table[each].notna().all()]:
        assert list(records[column]) == list(table[column].map(str)), column


def test_every_corpus_and_every_table_of_studies_is_described(described, unpacked):
    files = {each["contentUrl"] for each in described["distribution"]}
    corpora = {path.relative_to(unpacked).as_posix() for path in (unpacked / "results/corpora").iterdir()}
    tables = {path.relative_to(unpacked).as_posix() for path in (unpacked / "results/tables").glob("*/*.parquet")}
    pages = {path.relative_to(unpacked).as_posix() for path in (unpacked / "results/tables").glob("*.parquet")}
    assert len(corpora) == 2
    assert len(pages) == 3
    assert files == corpora | tables | pages


def test_files_have_the_digests_of_the_archive(described, unpacked):
    files = {each["contentUrl"]: each["sha256"] for each in described["distribution"]}
    assert files == digests({path: unpacked / path for path in files})


def test_every_column_is_described_with_its_meaning(described, unpacked):
    for each in described["recordSet"]:
        path = f"results/{each['@id']}.parquet"
        schema = pq.read_schema(unpacked / path)
        assert [field["name"] for field in each["field"]] == schema.names
        for field in each["field"]:
            assert field["source"] == {"fileObject": {"@id": path}, "extract": {"column": field["name"]}}
            assert field["description"].startswith(schema.field(field["name"]).metadata[b"description"].decode())


def test_it_answers_what_responsible_ai_asks(described):
    assert described["conformsTo"] == [
        "http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0",
    ]  # fmt: skip
    answered = {name.removeprefix("rai:"): value for name, value in described.items() if name.startswith("rai:")}
    assert set(answered) == RESPONSIBLE_AI
    assert all(answered.values())
