"""Records to token ids: the prompt as the worker sends it, and the answers to learn behind it.

The prompt's ids are those of the worker's prompt builder, and what does not fit loses its oldest
turns by the worker's own rule. A control token's text in a content stays text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from jinja2 import TemplateError

from inference_queue.protocol import Message, Role
from inference_worker.prompt.chat_template import ChatTemplate
from inference_worker.prompt.context_window import drop_oldest
from training.errors import TrainingError
from training.records import Record

#: The label of a token that has no part in the loss (torch's cross entropy).
IGNORED = -100


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The token ids of a record."""

    prompt: list[int]
    answers: list[list[int]]

    def sft_row(self) -> dict[str, list[int]]:
        """TRL's columns: the loss is on the answer's tokens, its end of turn included."""
        [answer] = self.answers
        return {
            "input_ids": [*self.prompt, *answer],
            "labels": [*(IGNORED for _ in self.prompt), *answer],
        }

    def dpo_row(self) -> dict[str, list[int]]:
        """TRL's columns."""
        chosen, rejected = self.answers
        return {"prompt_ids": self.prompt, "chosen_ids": chosen, "rejected_ids": rejected}


@dataclass(slots=True)
class Fit:
    """How the records fit into the window."""

    records: int = 0
    tokens: int = 0
    longest: int = 0
    shortened: int = 0  #: lost their oldest turns, as in the worker
    left_out: list[str] = field(default_factory=list)  #: ids: they do not fit even so

    def sentence(self, window: int) -> str:
        """What became of what is too long."""
        fitted = f"{self.records} items, {self.tokens:,} tokens, the longest {self.longest}"
        if not self.shortened and not self.left_out:
            return f"{fitted}; all fit into the window of {window}"
        return (
            f"{fitted}; longer than the window of {window}: {self.shortened} lost their oldest "
            f"turns as in the worker, {len(self.left_out)} do not fit even so and are left out"
        )


class Encoder:
    """Encodes records for one model."""

    def __init__(
        self, template: ChatTemplate, stop_ids: AbstractSet[int], *, window: int, system: str
    ) -> None:
        """``system``: the system prompt of records without one; "" for none."""
        self._template = template
        self._stop_ids = stop_ids
        self._window = window
        self._system = [Message(Role.SYSTEM, system)] if system else []

    def encode_all(self, records: Iterable[Record]) -> tuple[list[Encoded], Fit]:
        """The records that fit. Raises TrainingError."""
        found, fit = [], Fit()
        for record in records:
            messages = self._with_system(record)
            answers = self._answers(record, messages)
            kept, is_short = self._fitted(messages, max(map(len, answers)))
            if kept is None:
                fit.left_out.append(record.id)
                continue
            encoded = Encoded(prompt=self._template.encode(kept), answers=answers)
            tokens = len(encoded.prompt) + max(map(len, answers))
            fit.shortened += is_short
            fit.records += 1
            fit.tokens += tokens
            fit.longest = max(fit.longest, tokens)
            found.append(encoded)
        return found, fit

    def _with_system(self, record: Record) -> tuple[Message, ...]:
        has_one = record.prompt[0].role is Role.SYSTEM
        return record.prompt if has_one else (*self._system, *record.prompt)

    def _answers(self, record: Record, messages: tuple[Message, ...]) -> list[list[int]]:
        try:
            return [self._until_stop(messages, answer) for answer in record.answers]
        except (TemplateError, ValueError) as error:
            roles = Counter(message.role.value for message in messages)
            shown = ", ".join(f"{count} {role}" for role, count in roles.items())
            raise TrainingError(
                f"the model's chat template refuses item {record.id} ({shown}): {error}"
            ) from error

    def _until_stop(self, messages: tuple[Message, ...], answer: str) -> list[int]:
        """The ids that a model has to write: what the template puts behind the end is not its."""
        ids = self._template.encode_answer(messages, answer)
        end = next((at for at, token in enumerate(ids) if token in self._stop_ids), None)
        if end is None:
            raise TrainingError(
                "the chat template ends an answer with no token that stops the model: it would "
                "never learn to end; take the checkpoint's original tokenizer"
            )
        return ids[: end + 1]

    def _fitted(
        self, messages: tuple[Message, ...], answer_tokens: int
    ) -> tuple[tuple[Message, ...] | None, bool]:
        """The messages that fit beside the answer, and whether some were dropped."""
        budget = self._window - answer_tokens
        if budget <= 0:
            return None, False
        fitted = drop_oldest(messages, budget, self._template.count)
        if self._template.count(fitted.messages) > budget:
            return None, False
        return fitted.messages, fitted.dropped > 0
