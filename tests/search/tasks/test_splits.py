"""Which samples a repeat trains on and which it is scored on."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from sklearn.model_selection import TimeSeriesSplit
from torch import Tensor

from lossmith.losses import Kind, UserError
from lossmith.search import Repeat, Task
from lossmith.search.tasks.constants import constants_of
from lossmith.search.tasks.splits import Split, final_split, split_for, split_warnings

from ..small_tasks import METRICS, clouds, data, task_of


def folded(kind: Kind = "multiclass", counts: tuple[int, ...] = (50, 30, 8)) -> Task:
    """A task without a validation part, whose samples can be told apart by their first input."""
    train = clouds(counts, 0) if kind == "multiclass" else data(kind, sum(counts), 0)
    train[0][:, 0] = torch.arange(len(train[1]))
    test = (train[0] + 1000, train[1])
    return task_of(kind, train=train, validation=None, test=test)


def rows(part: tuple[Tensor, Tensor]) -> set[int]:
    """Which samples of the task a part consists of."""
    found = part[0][:, 0].long().tolist()
    assert len(found) == len(set(found)), "a sample may be there once"
    return set(found)


def parts(task: Task, folds: int, partition: int = 0, seed: int = 0) -> list[Split]:
    """The splits of all folds of a partition."""
    return [split_for(task, Repeat(0, fold, partition), folds, seed) for fold in range(folds)]


@pytest.mark.parametrize("kind", METRICS)
@pytest.mark.parametrize("folds", [2, 5])
def test_folds_partition_the_training_part(kind: Kind, folds: int) -> None:
    """Every training sample is held out once, and trained on in every other fold."""
    task = folded(kind)
    everything = rows(task.train)
    splits = parts(task, folds)
    assert sum(len(rows(split.held)) for split in splits) == len(everything)
    assert set().union(*(rows(split.held) for split in splits)) == everything
    for split in splits:
        assert rows(split.train) == everything - rows(split.held)


@pytest.mark.parametrize("kind", METRICS)
@pytest.mark.parametrize("folds", [1, 4])
def test_groups_are_never_torn_apart(kind: Kind, folds: int) -> None:
    """What shares a group is held out together, in every partition; each sample of a fold once."""
    task = folded(kind)
    task = replace(task, groups=torch.arange(88) // 4)
    for partition in range(3):
        splits = parts(task, folds, partition)
        for split in splits:
            held, learnt = ({row // 4 for row in rows(part)} for part in (split.held, split.train))
            assert held
            assert not held & learnt
        if folds > 1:
            assert set().union(*(rows(split.held) for split in splits)) == rows(task.train)


def test_partitions_deal_groups_anew() -> None:
    """Another partition holds out other groups."""
    task = replace(folded(), groups=torch.arange(88) // 4)
    assert rows(parts(task, 4, 0)[0].held) != rows(parts(task, 4, 1)[0].held)


def test_more_folds_than_groups_are_refused() -> None:
    """Three groups make three folds at most."""
    task = replace(folded(), groups=torch.arange(88) % 3)
    assert len(parts(task, 3)) == 3
    with pytest.raises(UserError, match="number of groups, 3, but got 4"):
        parts(task, 4)


@pytest.mark.parametrize("folds", [1, 4])
def test_nothing_is_predicted_from_what_came_later(folds: int) -> None:
    """With times, each fold is trained on what came before it alone, in every partition."""
    task = replace(folded(), time=88 - torch.arange(88))  # the later rows came first
    for partition in range(3):
        for split in parts(task, folds, partition):
            assert rows(split.held)
            assert max(rows(split.held)) < min(rows(split.train))


def test_folds_in_time_are_those_of_scikit_learn() -> None:
    """The first partition is `TimeSeriesSplit`; later ones cut finer and hold out other blocks."""
    task = replace(folded(), time=torch.arange(88))
    for split, (learnt, held) in zip(parts(task, 4), TimeSeriesSplit(4).split(torch.arange(88)), strict=True):
        assert rows(split.train) == set(learnt.tolist())
        assert rows(split.held) == set(held.tolist())
    assert rows(parts(task, 4, 1)[0].held) != rows(parts(task, 4)[0].held)
    assert len(rows(parts(task, 1)[0].held)) == 88 // 5


def test_what_happened_at_one_time_is_on_one_side() -> None:
    """Samples of the time at which a block begins are held out with it or left out, never trained on."""
    task = replace(folded(), time=torch.arange(88) // 10)
    for split in parts(task, 4):
        times = [{row // 10 for row in rows(part)} for part in (split.train, split.held)]
        assert not times[0] & times[1]


@pytest.mark.parametrize(("time", "said"), [([0] * 88, "before"), (list(range(88)), "fewer folds")])
def test_times_that_cannot_be_dealt_are_one_line(time: list[int], said: str) -> None:
    """Where nothing came before a fold, or there are more folds than samples, the search is refused."""
    task = replace(folded(), time=torch.tensor(time))
    with pytest.raises(UserError, match=said) as caught:
        parts(task, 4 if said == "before" else 88)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("kind", ["multiclass", "binary"])
def test_folds_are_stratified(kind: Kind) -> None:
    """Each fold holds its share of every class, to within one sample."""
    task = folded(kind)
    whole = torch.bincount(task.train[1].long())
    for split in parts(task, 4):
        held = torch.bincount(split.held[1].long(), minlength=len(whole))
        assert bool(((held - whole / 4).abs() < 1).all())


def test_one_fold_is_a_stratified_fifth() -> None:
    """`folds: 1` holds out a fifth of the training part, with each class in it."""
    task = folded()
    split = split_for(task, Repeat(0), 1, 0)
    assert len(split.held[1]) == math.ceil(88 / 5)
    assert len(split.train[1]) + len(split.held[1]) == 88
    assert set(split.held[1].tolist()) == {0, 1, 2}


@pytest.mark.parametrize("folds", [1, 3])
def test_partitions_and_searches_deal_anew(folds: int) -> None:
    """Another partition and another seed of the search hold out other samples; the same ones the same."""
    task = folded()
    first = rows(split_for(task, Repeat(0, 0, 0), folds, 0).held)
    assert first == rows(split_for(task, Repeat(7, 0, 0), folds, 0).held)  # whatever the repeat's own seed
    assert first != rows(split_for(task, Repeat(0, 0, 1), folds, 0).held)
    assert first != rows(split_for(task, Repeat(0, 0, 0), folds, 1).held)


def test_a_class_smaller_than_the_folds_is_dealt_as_far_as_it_goes() -> None:
    """With two samples of a class and four folds, two folds hold one each and nothing fails or warns."""
    splits = parts(folded(counts=(40, 20, 2)), 4)
    assert sorted(int((split.held[1] == 2).sum()) for split in splits) == [0, 0, 1, 1]
    assert [split.constants["class_counts"].tolist()[2] for split in splits].count(1) == 2


@pytest.mark.parametrize(
    ("counts", "folds", "said"),
    [((3, 3, 3), 4, "4 folds"), ((40, 20, 2), 63, "62"), ((40, 20, 2), 0, "at least 1, but got 0")],
)
def test_folds_that_cannot_be_are_one_line(counts: tuple[int, ...], folds: int, said: str) -> None:
    """More folds than any class has samples, or than there are samples, or none at all, are refused."""
    with pytest.raises(UserError, match=said) as caught:
        split_for(folded(counts=counts), Repeat(0), folds, 0)
    assert len(str(caught.value).splitlines()) == 1
    assert "folds" in str(caught.value)


def test_a_task_with_a_validation_part_is_not_folded() -> None:
    """Every repeat trains on the whole training part and is scored on the validation part."""
    task = task_of()
    for repeat in (Repeat(0), Repeat(3, 1, 2)):
        split = split_for(task, repeat, 4, 0)
        assert split.train is task.train
        assert split.held is task.validation


def test_the_test_part_is_seen_by_the_verdict_alone() -> None:
    """No split of a repeat contains a test sample; only `final_split` does, with all training samples."""
    task = folded()
    for folds in (1, 3):
        for split in parts(task, folds):
            assert max(rows(split.train) | rows(split.held)) < 1000
    final = final_split(task)
    assert final.held is task.test
    assert final.train is task.train


def test_the_constants_are_those_of_what_is_trained_on() -> None:
    """Class counts are those of the split's training part, zero for a class that is not there."""
    for split in parts(folded(), 4):
        counts = torch.bincount(split.train[1], minlength=3)
        assert torch.equal(split.constants["class_counts"], counts)
    assert constants_of("multiclass", torch.tensor([0, 0, 2]), 4)["class_counts"].tolist() == [2, 0, 1, 0]


def test_answers_are_counted_by_label() -> None:
    """(negatives, positives) for binary targets, and that for each label of multilabel targets."""
    binary = constants_of("binary", torch.tensor([1.0, 0.0, 1.0]), None)["class_counts"]
    assert binary.tolist() == [1, 2]
    labels = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    assert constants_of("multilabel", labels, None)["class_counts"].tolist() == [[0, 3], [2, 1]]


def test_the_scale_of_normal_targets_is_their_standard_deviation() -> None:
    """1.4826 times the median absolute deviation: within 5%, four of its standard errors at 20,000 draws."""
    draw = torch.Generator().manual_seed(0)
    targets = 5 + 3 * torch.randn(20_000, generator=draw)
    scale = float(constants_of("regression", targets, None)["target_scale"])
    assert scale == pytest.approx(3, rel=0.05)
    targets[:100] = 1e6  # outliers do not move it
    assert float(constants_of("regression", targets, None)["target_scale"]) == pytest.approx(scale, rel=0.05)


def test_the_scale_of_targets_that_hardly_vary_is_above_zero() -> None:
    """Where most targets are equal it is the standard deviation; where all are, or there is one, it is 1."""
    mostly = torch.tensor([0.0, 0.0, 0.0, 0.0, 1.0])
    assert float(constants_of("regression", mostly, None)["target_scale"]) == pytest.approx(0.4)
    for equal in (torch.ones(5), torch.ones(1)):
        assert float(constants_of("regression", equal, None)["target_scale"]) == 1


def test_a_user_is_told_of_classes_that_are_too_rare() -> None:
    """A class with fewer samples than folds is named, with what to do; one with enough is not."""
    (line,) = split_warnings(folded(counts=(50, 30, 3)), 4)
    assert line.startswith("class 2 has fewer training samples than the 4 folds")
    assert "ask for fewer folds, or bring a validation part" in line
    (line,) = split_warnings(folded(counts=(50, 30, 4)), 1)
    assert "than the 5 folds" in line
    assert list(split_warnings(folded(counts=(50, 30, 4)), 4)) == []


def test_a_task_with_a_validation_part_raises_no_doubts() -> None:
    """Nothing is dealt there."""
    assert list(split_warnings(task_of(), 4)) == []


def test_samples_that_cannot_be_dealt_are_one_line() -> None:
    """More folds than samples is a mistake of the user, told with both numbers."""
    with pytest.raises(UserError, match=r"at most the number of training samples, 5, but got 8"):
        list(split_warnings(folded(counts=(2, 2, 1)), 8))


def test_weights_go_with_their_samples() -> None:
    """Folds carry the weights of their samples, on average 1 where they are trained on; so does each part."""
    task = folded()
    marked = replace(task, sample_weight=1 + torch.arange(len(task.train[1])))
    split = split_for(marked, Repeat(0, 1), 4, 0)
    assert split.places is not None
    assert split.train_weights is not None
    assert split.held_weights is not None
    assert split.held_weights.tolist() == (1 + split.places).tolist()
    assert float(split.train_weights.mean()) == pytest.approx(1)
    final = final_split(replace(task, sample_weight={"test": torch.full((len(task.test[1]),), 3.0)}))
    assert final.held_weights is not None
    assert final.held_weights.unique().tolist() == [3]
    assert split_for(task, Repeat(0, 1), 4, 0).train_weights is None


@pytest.mark.parametrize("folds", ["5", None, 2.0, True, 0, -1])
def test_folds_are_a_whole_number(folds: Any) -> None:
    """Text, nothing, fractions and truth values are one line."""
    with pytest.raises(UserError, match="folds must be a whole number of at least 1"):
        split_for(folded(), Repeat(0), folds, 0)
