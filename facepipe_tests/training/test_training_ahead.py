"""Batches made while the step before is taken."""

import threading

import pytest
import torch

from facepipe.training import ahead as module
from facepipe.training.ahead import Ahead, has_free_core


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def numbers(generator):
    return torch.rand(3, generator=generator).tolist()


@pytest.fixture
def ahead():
    made = Ahead(numbers)
    yield made
    made.close()


def test_batches_and_chance_are_those_of_drawing_each_when_it_is_asked_for(ahead):
    one, other = chance(), chance()
    for _ in range(4):
        assert ahead.draw(one) == numbers(other)
        assert torch.equal(one.get_state(), other.get_state())


def test_a_generator_that_was_set_back_gives_the_same_batch_again(ahead):
    generator = chance()
    state = generator.get_state()
    first = ahead.draw(generator)
    ahead.draw(generator)
    generator.set_state(state)
    assert ahead.draw(generator) == first


def test_the_next_batch_is_made_before_it_is_asked_for():
    made = threading.Semaphore(0)

    def draw(generator):
        made.release()
        return numbers(generator)

    ahead = Ahead(draw)
    ahead.draw(chance())
    assert all(made.acquire(timeout=10) for _ in range(2))
    ahead.close()


def test_what_fails_is_told_to_who_asks_for_it_and_not_before():
    left = [1]

    def draw(generator):
        if not left:
            raise torch.OutOfMemoryError("CUDA out of memory")
        left.pop()
        return numbers(generator)

    ahead, generator = Ahead(draw), chance()
    ahead.draw(generator)
    with pytest.raises(torch.OutOfMemoryError):
        ahead.draw(generator)
    ahead.close()


def test_the_cores_of_the_step_stay_as_many_as_they_were(ahead):
    before = torch.get_num_threads()
    ahead.draw(chance())
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("device", "threads", "processes", "cores", "free"),
    [
        ("cpu", 2, 1, 2, False),
        ("cpu", 1, 1, 2, True),
        ("cpu", 1, 2, 2, False),
        ("cpu", 2, 2, 8, True),
        ("cuda", 8, 1, 8, True),
    ],
)
def test_a_core_is_free_where_the_step_does_not_take_all(
    device, threads, processes, cores, free, monkeypatch
):
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda _: range(cores))
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert has_free_core(torch.device(device), processes) is free
