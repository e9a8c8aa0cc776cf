"""Results in an object store: one that speaks S3 runs on loopback, and Snakemake's plugin puts everything there."""

from __future__ import annotations

import copy
import logging
from collections import Counter
from dataclasses import replace

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.support.clones import STUDIES

BUCKET = "results-of-a-test"
STORE = ("--default-storage-provider", "s3", "--default-storage-prefix", f"s3://{BUCKET}/study")
SECRET = "not-to-be-found-in-a-file"
CELL = "results/cells/task=facts/size=n14/variant=batch-8_evaluation_interval-3_iterations-6"
TARGETS = ("results/figures/facts.pdf", "results/tables/base/facts/expressions.parquet")
RUN = (*TARGETS, "--configfile", "facts.yaml", "--cores", "2")


@pytest.fixture(scope="module")
def endpoint():
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def make_user(make_clone, endpoint, tiny):
    """Makes a clone of someone who may use the store; the study is of one cell and one job."""
    facts = copy.deepcopy(tiny)
    facts["studies"]["base"]["grids"] = [{"task": ["facts"], "size": ["n14"]}]
    settings = {"ENDPOINT_URL": endpoint, "ACCESS_KEY": "someone", "SECRET_KEY": SECRET}

    def make(name):
        clone = make_clone(name, STUDIES)
        clone.configure("facts.yaml", facts)
        return replace(clone, variables={f"SNAKEMAKE_STORAGE_S3_{name}": value for name, value in settings.items()})

    return make


@pytest.fixture(scope="module")
def local(make_user):
    """A clone for a run on the disk."""
    return make_user("clone that does not")


@pytest.fixture(scope="module")
def user(make_user, local):
    """A clone that made everything in the store, of the same code as the local one."""
    made = make_user("clone that stores")
    made.snakemake(*RUN, *STORE)
    return made


@pytest.fixture(scope="module")
def stored(user, endpoint):
    """The bytes of every file in the store, by its path from the working folder."""
    s3 = boto3.resource(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    objects = s3.Bucket(BUCKET).objects.all()
    return {each.key.removeprefix("study/"): each.get()["Body"].read() for each in objects}


def test_the_store_holds_what_a_local_run_makes_byte_for_byte(local, stored):
    local.snakemake(*RUN)
    noted = local.folder / "results/configuration.json"
    assert noted.is_file()  # for the status, which cannot look into a store
    paths = [path for path in local.folder.glob("results/**/*") if path.is_file() and path != noted]
    made = {path.relative_to(local.folder).as_posix(): path.read_bytes() for path in paths}
    assert {*TARGETS, f"{CELL}/seeds=0_1337/evaluation.json"} <= set(made)
    assert set(stored) == set(made)
    timed = [path for path in made if path.endswith((".log", "/timing.json"))]
    assert {path for path in made if stored[path] != made[path]} <= set(timed)
    assert "results/plans/base/facts.json" in stored


def test_no_result_lies_in_the_working_folder(user, stored):
    assert list(user.folder.glob("results/**/*")) == []
    assert list(user.folder.glob(".snakemake/storage/**/*.parquet")) == []


def test_a_second_run_has_nothing_to_do(user, stored):
    assert user.planned(*RUN, *STORE) == []


def test_another_folder_has_nothing_to_do_and_cuts_jobs_alike_whatever_lies_there(make_user, stored):
    """The job that lies in this folder, of more seeds, would be kept in a run on the disk."""
    other = make_user("another clone")
    stray = other.folder / f"{CELL}/seeds=0-2_1337/run.json"
    stray.parent.mkdir(parents=True)
    stray.write_text("{}", encoding="utf-8")
    assert other.planned(*RUN, *STORE) == []
    assert other.counts(*RUN, *STORE, "--forcerun", "tabulate") == Counter(tabulate=1, draw_curves=1, figure_of_base=1)


def test_credentials_are_in_no_file(user, stored):
    paths = [path for path in user.folder.rglob("*") if path.is_file()]
    assert any(path.is_relative_to(user.folder / ".snakemake/log") for path in paths)
    assert [path for path in paths if SECRET.encode() in path.read_bytes()] == []
    assert [path for path, content in stored.items() if SECRET.encode() in content] == []
