"""What the upload refuses before it dials, and what it never shows."""

import json
import os
import signal
from pathlib import Path

import pytest
from collecting.shipped import judged

from cryptopipe.cli import main
from cryptopipe.cli.upload import _again
from cryptopipe.drivers.stop import stop_on_interrupt
from cryptopipe.errors import ConfigError, CryptopipeError, UsageError
from cryptopipe.settings.upload import UploadSettings
from cryptopipe.shipping.destination import StoreUnavailable
from cryptopipe.shipping.stores import open_destination

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT", "AWS_SECRET_ACCESS_KEY": "hidden/secret"}
LOOPBACK = "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    ("url", "given", "environment", "kind", "told"),
    [
        ("s3://bucket", {}, {}, ConfigError, "no key"),
        ("s3://bucket", {"access_key_id": "AKIA"}, {}, ConfigError, "secret_access_key is missing"),
        ("s3://bucket", {"access_key_id": "AKIA"}, KEYS, ConfigError, "secret_access_key is missing"),
        ("s3://bucket", {}, {"AWS_SECRET_ACCESS_KEY": "x"}, ConfigError, "access_key_id is missing"),
        ("s3://bucket", {"endpoint": LOOPBACK}, KEYS, ConfigError, "plain http"),
        ("s3://bucket", {}, {**KEYS, "AWS_ENDPOINT_URL": LOOPBACK}, ConfigError, "plain http"),
        ("s3://bucket", {"endpoint": "http://10.0.0.7", "allow_http": True}, KEYS, ConfigError, "another machine"),
        (
            "s3://bucket",
            {"endpoint": "http://127.0.0.1.evil.example", "allow_http": True},
            KEYS,
            ConfigError,
            "another",
        ),
        ("s3://bucket", {"endpoint": "127.0.0.1:9000"}, KEYS, ConfigError, "not an endpoint"),
        ("s3://bucket", {"endpoint": "https://me:pw@store.example"}, KEYS, ConfigError, "not an endpoint"),
        ("s3://bucket", {"ca_file": "/no/such/file"}, KEYS, ConfigError, "No such file"),
        ("s3://A_B/x", {}, KEYS, UsageError, "not a bucket"),
        ("s3:///prefix", {}, KEYS, UsageError, "not a bucket"),
        ("s3://me:pw@bucket/x", {}, KEYS, UsageError, "more than a place"),
        ("s3://bucket/x?versionId=1", {}, KEYS, UsageError, "more than a place"),
        ("gs://bucket/x", {}, KEYS, UsageError, "not a place"),
        ("bucket", {}, KEYS, UsageError, "not a place"),
        ("file://host/x", {}, {}, UsageError, "this machine"),
        ("file:///no/such/directory", {}, {}, ConfigError, "no such directory"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_dialled(
    url: str, given: dict[str, object], environment: dict[str, str], kind: type[CryptopipeError], told: str
) -> None:
    with pytest.raises(kind, match=told) as caught:
        open_destination(url, UploadSettings.model_validate(given), environment)
    assert caught.value.where and caught.value.fix
    assert "hidden/secret" not in str(caught.value) and "pw" not in str(caught.value) + caught.value.fix


@pytest.mark.parametrize(
    ("given", "environment"),
    [
        ({"endpoint": LOOPBACK, "allow_http": True}, KEYS),
        ({"endpoint": "http://localhost:9000", "allow_http": True}, KEYS),
        ({"endpoint": "http://[::1]:9000", "allow_http": True}, KEYS),
        ({"endpoint": "https://store.example"}, KEYS),
        ({"instance_role": True}, {}),
        ({"access_key_id": "AKIA", "secret_access_key": "x"}, {}),
    ],
)
def test_what_can_be_used_opens(given: dict[str, object], environment: dict[str, str]) -> None:
    url = "s3://bucket/prefix"
    assert open_destination(url, UploadSettings.model_validate(given), environment).url == url


def test_a_key_is_shown_by_nothing_and_taken_from_no_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYPTOPIPE_UPLOAD__SECRET_ACCESS_KEY", "hidden/secret")
    assert main(["config", "show", "--json"]) == 0
    assert "hidden/secret" not in capsys.readouterr().out
    assert main(["upload", "--to", "s3://bucket", "--set", "upload.secret_access_key=hidden/secret"]) == 78
    told = capsys.readouterr().err
    assert "not on the command line" in told and "hidden/secret" not in told


def test_nowhere_to_copy_to_is_a_matter_of_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    judged(tmp_path)
    assert main(["upload", "--data-dir", str(tmp_path), "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["where"] == "--to"


@pytest.mark.parametrize("every", ["soon", "10ms", "0s"])
def test_a_pause_that_is_none_is_refused(every: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["upload", "--to", tmp_path.as_uri(), "--data-dir", str(tmp_path), "--every", every]) == 2
    assert "--every" in capsys.readouterr().err


def test_again_and_again_goes_on_after_a_store_that_did_not_answer(capsys: pytest.CaptureFixture[str]) -> None:
    passes: list[int] = []

    def once() -> int:
        passes.append(len(passes))
        if len(passes) == 2:
            raise StoreUnavailable("it sleeps", where="s3://bucket", fix="wait")
        if len(passes) == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return 0

    with stop_on_interrupt() as stop:
        assert _again(stop, 1e-6, False, once) == 130
    assert passes == [0, 1, 2, 3]
    assert "it sleeps" in capsys.readouterr().err


def test_copies_do_not_go_into_what_they_are_copies_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = judged(tmp_path)
    assert main(["upload", "--to", path.parent.as_uri(), "--data-dir", str(tmp_path)]) == 2
    assert len(list(path.parent.iterdir())) == 3
