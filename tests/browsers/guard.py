"""Run a command that cannot outlive the tests: `python guard.py command …`.

The tests hold the other end of this process's standard input. When they close it, or die in whatever way, the
command and everything that it started are ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

GRACE = 5


def main() -> None:
    # As the leader of its own process group, this process is in the way of its own signals.
    signal.signal(signal.SIGTERM, lambda *_: None)
    command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)

    def end_with_the_tests() -> None:
        sys.stdin.buffer.read()
        os.killpg(0, signal.SIGTERM)
        try:
            command.wait(GRACE)
        except subprocess.TimeoutExpired:
            pass
        finally:
            os.killpg(0, signal.SIGKILL)

    threading.Thread(target=end_with_the_tests, daemon=True).start()
    command.wait()
    os.killpg(0, signal.SIGKILL)  # what it left behind, and this process


if __name__ == "__main__":
    main()
