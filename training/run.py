"""One training, from the data set to a folder that ``WORKER_ADAPTER`` takes."""

from __future__ import annotations

import shutil

from training.dataset import read_dataset
from training.files_beside import check_free, full_disk_as_sentence
from training.order import Order, Say, check_installed
from training.resuming import exclusive
from training.training_record import TrainingRecord


def train(order: Order, say: Say) -> TrainingRecord:
    """Train, and write the adapter to ``order.output``. Blocks for minutes to hours.

    A training that was killed goes on at its newest whole checkpoint. Raises TrainingError.
    """
    check_free(order.output)
    dataset = read_dataset(order.data, order.kind, drop_duplicates=order.drop_duplicates)
    say(f"{len(dataset.train)} items to train on, {len(dataset.held_out)} held out")
    check_installed()
    # Seconds: what is wrong with the data is said before.
    from training.base_model import load_base  # noqa: PLC0415
    from training.learning import learn  # noqa: PLC0415
    from training.preparing import prepare  # noqa: PLC0415
    from training.saving import save  # noqa: PLC0415

    base = load_base(
        order.base, cache_dir=order.cache_dir, four_bit=order.parameters.four_bit, say=say
    )
    prepared = prepare(order, base, dataset, say)
    with exclusive(order.work):
        with full_disk_as_sentence(order.output):
            learnt = learn(order, base, dataset, prepared, say)
        record = save(order, base, dataset, prepared, learnt)
        shutil.rmtree(order.work, ignore_errors=True)
    say(f"done: set WORKER_ADAPTER={order.output}, and read {order.output / 'README.md'}")
    return record
