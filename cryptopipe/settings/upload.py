"""What can be set of the upload of collected files.

Enters: nothing. Leaves: `UploadSettings`. Never: a secret that is shown, or one on a command line.
"""

from typing import Literal

from pydantic import BaseModel, SecretStr

from cryptopipe.settings.kinds import STRICT, Duration, setting

Text = str | None
Secret = SecretStr | None


class UploadSettings(BaseModel):
    """Where sealed files are copied, and which. What is null of a store is read from `AWS_…` of the environment."""

    model_config = STRICT

    to: Text = setting(None, "s3://bucket/prefix or file:///directory; --to overrides it")
    accept: Literal["pass", "warn"] = setting(
        "pass", "the worst verdict of the checks that a file may have; load asks the same"
    )
    raw: bool = setting(True, "whether complete segments of raw captures are copied too")
    endpoint: Text = setting(None, "of an S3-compatible store; null: AWS_ENDPOINT_URL, else AWS itself")
    region: Text = setting(None, "null: AWS_REGION or AWS_DEFAULT_REGION, else us-east-1")
    allow_http: bool = setting(False, "take an http:// endpoint, on this machine alone")
    ca_file: Text = setting(None, "certificates (PEM) of a store with an authority of its own")
    access_key_id: Secret = setting(None, "null: AWS_ACCESS_KEY_ID; file or environment only")
    secret_access_key: Secret = setting(None, "null: AWS_SECRET_ACCESS_KEY; file or environment only")
    session_token: Secret = setting(None, "of a temporary key; null: AWS_SESSION_TOKEN; file or environment only")
    instance_role: bool = setting(False, "where no key is set, ask the cloud machine for that of its role")
    conditional: bool = setting(
        True, "false for a store without If-None-Match: it is looked at before a file is written, and not while"
    )
    concurrency: int = setting(4, "files on their way at once; each is in memory, of 128 MiB at most", ge=1, le=64)
    timeout: Duration = setting("30s", "of one request, beside a second for each 256 KiB of its body", gt=0)
    retry: Duration = setting("2m", "how long a request is repeated, with growing pauses; 0s: not at all", ge=0)
