"""Data sets: training data made from judged turns."""

from __future__ import annotations

from enum import StrEnum


class DatasetKind(StrEnum):
    """What an item shows the model."""

    SFT = "sft"  #: a good answer
    DPO = "dpo"  #: a better answer and a worse one


class DatasetState(StrEnum):
    """The state of a data set: building -> checking -> ready, or failed."""

    BUILDING = "building"
    CHECKING = "checking"  #: a worker renders its items with the preset's template and tokenizer
    READY = "ready"
    FAILED = "failed"


class Split(StrEnum):
    """The part of a data set."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Source(StrEnum):
    """Where an item's better answer comes from."""

    CORRECTION = "correction"  #: a reviewer wrote it
    REVIEW = "review"  #: a reviewer called the model's answer good
    VOTE = "vote"  #: the person did
    REGENERATION = "regeneration"  #: the person asked again, and one of the two answers was better


class LeftOut(StrEnum):
    """Why a judged turn is no item."""

    OPTED_OUT = "opted_out"
    DUPLICATE = "duplicate"
    NOT_GOOD = "not_good"  #: SFT: nobody called the answer good, or wrote a better one
    NO_PAIR = "no_pair"  #: DPO: there is no better and worse answer, or nobody said which
    OTHERS_WORDS = "others_words"  #: the question quotes other people
    PICTURES = "pictures"  #: the question comes with pictures, which are not kept
    CONTINUED = "continued"  #: the answer goes on with another one
    EMPTY = "empty"  #: the question or the answer has no text
    TOO_LONG = "too_long"  #: rendered for the model
    NOT_RENDERED = "not_rendered"  #: the preset's template refuses it
    REFUSED = "refused"  #: Postgres refuses to store the item, or what its check found


#: Those that a bot still works on.
OPEN_DATASETS = frozenset({DatasetState.BUILDING, DatasetState.CHECKING})
