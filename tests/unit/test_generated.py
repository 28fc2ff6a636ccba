"""The generated capture is what its generator makes, and says what it is."""

import gzip
import importlib.util
from pathlib import Path

from cryptopipe.drivers.replay import packaged_files, packaged_replay

ROOT = Path(__file__).parent.parent.parent


def test_the_packaged_capture_is_reproducible(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate_capture", ROOT / "tools" / "generate_capture.py")
    assert spec is not None and spec.loader is not None
    generator = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["generate_capture"] = generator
    spec.loader.exec_module(generator)
    generator.main(tmp_path)
    assert packaged_files()
    for path in packaged_files():
        assert gzip.decompress(path.read_bytes()) == gzip.decompress((tmp_path / path.name).read_bytes())


def test_generated_data_says_so() -> None:
    assert packaged_replay().label().why.startswith("generated data")
