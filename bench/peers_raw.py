"""The peer's side of `cryptopipe bench collect`: cryptofeed's own writer of raw frames, given the same frames.

Enters: a file of JSON lines [connection, receive time, text], a directory. Leaves: one JSON object: microseconds of
processor time, bytes written. Never: a socket, or an import of cryptopipe.
"""

import asyncio
import gc
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path


async def written(frames: list, directory: str) -> float:
    from cryptofeed.raw_data_collection import AsyncFileCallback

    callback = AsyncFileCallback(directory)
    gc.collect()
    began = time.process_time()
    for conn, at, text in frames:
        await callback(text, at, conn)
    callback.stop()
    return time.process_time() - began


def main() -> None:
    try:
        import cryptofeed.raw_data_collection  # noqa: F401
    except ImportError as error:
        print(json.dumps({"absent": str(error)}))
        return
    frames = [json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()]
    seconds = asyncio.run(written(frames, sys.argv[2]))
    size = sum(one.stat().st_size for one in Path(sys.argv[2]).iterdir())
    print(json.dumps({"us": seconds * 1e6, "bytes": size, "version": version("cryptofeed")}))


main()
