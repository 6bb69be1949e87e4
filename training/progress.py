"""How far a training is, with an estimate: pure, so that it is tested without one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: TRL's names of what is measured, as they are shown.
SHOWN = {
    "loss": "loss",
    "rewards/accuracies": "reward accuracy",
    "mean_token_accuracy": "token accuracy",
}


@dataclass(slots=True, kw_only=True)
class Progress:
    """Counts steps from where this process began."""

    started_s: float  #: on a monotonic clock
    first_step: int = 0

    def line(self, step: int, steps: int, now_s: float, logs: Mapping[str, float]) -> str:
        """One line for people."""
        values = [f"{word} {logs[name]:.3g}" for name, word in SHOWN.items() if name in logs]
        done = step - self.first_step
        left = [] if done <= 0 else [_left((steps - step) * (now_s - self.started_s) / done)]
        return " · ".join([f"step {step}/{steps}", *values, *left])


def _left(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    minutes = round(seconds / 60)
    return f"about {minutes // 60} h {minutes % 60} min left" if minutes >= 90 else (
        f"about {minutes} min left"
    )  # fmt: skip
