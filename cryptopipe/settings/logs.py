"""What can be set of the log's files.

Enters: nothing. Leaves: `LogsSettings`. Never: a secret.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, Field

from cryptopipe.settings.kinds import STRICT


def _home(value: object) -> object:
    return Path(value).expanduser() if isinstance(value, str) and value.strip() else value


class LogsSettings(BaseModel):
    """The log in files, one for each component."""

    model_config = STRICT

    files: Literal["auto", "on", "off"] = Field(
        "auto",
        description="auto: by action and collect over real venues; on: over simulated ones and recordings, too; off",
    )
    dir: Annotated[Path | None, BeforeValidator(_home)] = Field(
        None, description="null: log in the user's state directory"
    )
    format: Literal["text", "json"] = Field("text", description="of each line")
    level: Literal["info", "debug", "warning"] = Field("info", description="the least that is written")
    max_mb: int = Field(8, ge=1, le=4096, description="of one file; a full one is renamed FILE.1, FILE.1 FILE.2, …")
    keep: int = Field(4, ge=1, le=99, description="renamed files of each component")
