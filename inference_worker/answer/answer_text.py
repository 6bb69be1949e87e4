"""One answer while it is written: its text for people, and the reasoning kept for operators."""

from __future__ import annotations

from dataclasses import dataclass

from inference_queue.protocol import FailureReason, FinishReason
from inference_worker.answer.code_spans import reopening
from inference_worker.answer.reasoning import ReasoningSplit, ThinkingHabit
from inference_worker.answer.repetition import (
    DEFAULT_LIMIT_CHARS,
    RepetitionGuard,
    cut_loop,
    find_loop,
)
from inference_worker.errors import EngineError

#: Reasoning is kept up to this many characters, its beginning.
MAX_REASONING_CHARS = 20_000
#: Ends that the model did not choose.
CUT_REASONS = (FinishReason.LENGTH, FinishReason.DEADLINE)


@dataclass(frozen=True, slots=True)
class WrittenAnswer:
    """The end of an answer."""

    text: str
    reasoning: str
    finish_reason: FinishReason


class AnswerText:
    """Takes a model's output in chunks, and hands out what people may see of it."""

    def __init__(
        self,
        habit: ThinkingHabit,
        *,
        repetition_chars: int = DEFAULT_LIMIT_CHARS,
        before: str = "",
    ) -> None:
        """``repetition_chars``: of verbatim repetition before the answer is stopped; 0: never.

        ``before``: the text of an earlier answer, cut by a limit, that this one goes on with. The
        answer begins with the line that opens its code block again, so that it is Markdown of its
        own.
        """
        self._habit = habit
        self._goes_on = bool(before)
        self._reopening = reopening(before)
        self._split = ReasoningSplit(begins_inside=habit.begins_inside, before=before)
        self._guard = RepetitionGuard(repetition_chars)
        self._thought_guard = RepetitionGuard(repetition_chars)
        self._thoughts: list[str] = []
        self._has_begun = False  # to be shown
        self.loops = False  #: the model repeats itself: stop it

    def push(self, text: str) -> str:
        """The visible text that has become certain, often none."""
        self.loops = self._guard.push(text) or self.loops
        return self._shown(self._split.push(text))

    def think(self, text: str) -> str:
        """Take reasoning that the server separated; the visible text that this makes certain."""
        self.loops = self._thought_guard.push(text) or self.loops
        self._thoughts.append(text)
        return self._shown(self._split.release())

    def flush(self, reason: FinishReason) -> str:
        """The held-back text, once no more comes for this reason."""
        return self._shown(self._split.flush(is_cut=self.loops or reason in CUT_REASONS))

    def written(self, reason: FinishReason) -> WrittenAnswer:
        """The whole answer, after ``flush``. Raises EngineError where all of it is reasoning."""
        text = self._split.text
        if self.loops:
            reason = FinishReason.REPETITION
            loop = find_loop(text, limit_chars=max(self._guard.limit_chars // 2, 1))
            text = cut_loop(text, loop) if loop else text
        elif not self._goes_on and (self._split.lone_closing_tag or reason not in CUT_REASONS):
            self._habit.learn(lone_closing_tag=self._split.lone_closing_tag)
        thoughts = "".join(self._thoughts).strip()
        reasoning = "\n\n".join(filter(None, (thoughts, self._split.reasoning)))
        if reasoning and not text.strip():
            raise EngineError(
                FailureReason.ENGINE_ERROR,
                f"the answer ended ({reason.value}) within the model's reasoning: "
                "allow more tokens, or switch the reasoning off at the server",
            )
        if text.strip():
            text = self._reopening + text
        return WrittenAnswer(text, reasoning[:MAX_REASONING_CHARS], reason)

    def _shown(self, text: str) -> str:
        if self._has_begun or not text.strip():
            return text
        self._has_begun = True
        return self._reopening + text
