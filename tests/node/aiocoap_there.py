"""aiocoap, where deps/fetch put it: a test that imports this skips, and says why, on a machine that has none."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from judge import skip  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLACE = os.environ.get("TUTTI_DEPS", ROOT + "/build/deps") + "/aiocoap"

sys.dont_write_bytecode = True
if not os.path.exists(PLACE + "/.fetched"):
    try:
        with open(PLACE + ".missing") as file:
            skip(file.read().strip())
    except FileNotFoundError:
        skip("aiocoap was not fetched (deps/fetch test)")
sys.path.insert(0, PLACE)
