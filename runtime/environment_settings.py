"""The base of every block of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

#: A folder; "~" at its beginning is the home of the user, as in a shell.
Folder = Annotated[Path, AfterValidator(Path.expanduser)]


class EnvironmentSettings(BaseSettings):
    """Read once from the environment (or a .env file) and then frozen."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True
    )

    @model_validator(mode="before")
    @classmethod
    def _trimmed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Blanks around a value do not count, and nothing but blanks is as good as unset.

        Files of secrets end in a line feed, and the lines of Windows in a carriage return.
        """
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        blank = {name for name, text in texts.items() if text.isspace()}
        trimmed = {name: text.strip() for name, text in texts.items()}
        return {name: value for name, value in (values | trimmed).items() if name not in blank}
