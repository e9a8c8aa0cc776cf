from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from capacity.experiment.assignment import RECORD, assign_jobs, trained_jobs

seed_sets = st.lists(st.sets(st.integers(0, 30), min_size=1, max_size=20), min_size=1, max_size=4)
per_job = st.integers(1, 8)


@st.composite
def trained_before(draw: st.DrawFn) -> list[tuple[int, ...]]:
    """Jobs that exist: parts of a few seeds, none in two jobs, cut in no particular way."""
    seeds = draw(st.permutations(range(35)))
    cuts = draw(st.lists(st.integers(1, 6), max_size=4))
    jobs, first = [], 0
    for length in cuts:
        jobs.append(tuple(sorted(seeds[first : first + length])))
        first += length
    return jobs


@given(seed_sets, trained_before(), per_job)
def test_every_wanted_seed_is_in_exactly_one_job(wanted, trained, seeds_per_job):
    jobs = assign_jobs(wanted, trained, seeds_per_job)
    every = [seed for job in jobs for seed in job]
    assert len(every) == len(set(every))
    assert set().union(*wanted) <= set(every)
    assert all(job == tuple(sorted(job)) for job in jobs)
    assert jobs == sorted(jobs)


@given(seed_sets, trained_before(), per_job)
def test_new_jobs_hold_wanted_seeds_only_and_not_too_many(wanted, trained, seeds_per_job):
    for job in set(assign_jobs(wanted, trained, seeds_per_job)) - set(trained):
        assert 1 <= len(job) <= seeds_per_job
        assert set(job) <= set().union(*wanted)
        assert not any(set(job).intersection(old) for old in trained)


@given(seed_sets, trained_before(), per_job)
def test_existing_jobs_are_kept_if_any_of_their_seeds_is_wanted(wanted, trained, seeds_per_job):
    jobs = assign_jobs(wanted, trained, seeds_per_job)
    needed = {job for job in trained if set().union(*wanted).intersection(job)}
    assert set(jobs).intersection(trained) == needed


@given(seed_sets, trained_before(), per_job)
def test_the_new_seeds_of_a_study_are_whole_jobs(wanted, trained, seeds_per_job):
    for job in set(assign_jobs(wanted, trained, seeds_per_job)) - set(trained):
        for seeds in wanted:
            assert set(job) <= seeds or not seeds.intersection(job)


@given(seed_sets, trained_before(), per_job, st.data())
def test_a_job_is_not_cut_anew_when_others_finish(wanted, trained, seeds_per_job, data):
    jobs = assign_jobs(wanted, trained, seeds_per_job)
    finished = data.draw(st.lists(st.sampled_from(jobs), unique=True))
    assert assign_jobs(wanted, [*finished, *trained], seeds_per_job) == jobs


@given(seed_sets, trained_before(), per_job, st.sets(st.integers(0, 40)), per_job)
def test_growing_seeds_trains_only_the_new_ones(wanted, trained, seeds_per_job, more, later_per_job):
    jobs = assign_jobs(wanted, trained, seeds_per_job)
    grown = [wanted[0] | more, *wanted[1:]]
    after = assign_jobs(grown, [*jobs, *trained], later_per_job)
    assert set(jobs) <= set(after)
    for job in set(after) - set(jobs) - set(trained):
        assert not set().union(*wanted).intersection(job)


def test_jobs_by_pencil():
    assert assign_jobs([range(10)], [], 4) == [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9)]
    assert assign_jobs([range(10)], [(4, 5, 6, 7)], 4) == [(0, 1, 2, 3), (4, 5, 6, 7), (8, 9)]
    assert assign_jobs([[1337]], [tuple(range(5))], 4) == [(1337,)]
    assert assign_jobs([[0, 1, 2], [0, 1, 2, 3, 4]], [], 20) == [(0, 1, 2), (3, 4)]
    assert assign_jobs([[2]], [(1, 2, 3)], 1) == [(1, 2, 3)]


def test_finished_jobs_are_those_with_a_record(tmp_path):
    for seeds in ("0-1", "2_1337", "5"):
        (tmp_path / f"seeds={seeds}").mkdir()
    for seeds in ("0-1", "2_1337"):
        (tmp_path / f"seeds={seeds}" / RECORD).write_text("{}")
    assert list(trained_jobs(tmp_path)) == [(0, 1), (2, 1337)]
    assert list(trained_jobs(tmp_path / "absent")) == []
