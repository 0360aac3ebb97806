"""Runs one command and ends it when the process that started this guard is gone, however that ended.

Run as a script with the standard library only: `guard.py STOP_SIGNAL GRACE_SECONDS LOCK_FD COMMAND...`.
The owner holds the other end of standard input: its end of file means stop. The kernel closes it for an owner
that was killed, too, which no exit handler survives; and unlike PR_SET_PDEATHSIG in the owner it does not
depend on the thread that started the command. Standard output gets the command's process id, one line.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading

PR_SET_PDEATHSIG = 1


def die_with_the_guard() -> None:
    """Should the guard be killed, Linux kills the command; the guard's main thread lives as long as it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def end(command: subprocess.Popen[bytes], stop_signal: int, grace_seconds: float) -> None:
    command.send_signal(stop_signal)
    try:
        command.wait(grace_seconds)
    except subprocess.TimeoutExpired:
        command.kill()


def end_when_the_owner_is_gone(
    command: subprocess.Popen[bytes], stop_signal: int, grace_seconds: float
) -> None:
    while os.read(0, 4096):
        continue
    end(command, stop_signal, grace_seconds)


def main(stop_signal: int, grace_seconds: float, lock: int, arguments: list[str]) -> int:
    """Exit status of the command; 128 + n where signal n ended it."""
    command = subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=2,
        pass_fds=(lock,),
        preexec_fn=die_with_the_guard,  # the guard has one thread here, so nothing can be locked in the fork
    )
    os.write(1, f"{command.pid}\n".encode())
    os.close(1)
    threading.Thread(
        target=end_when_the_owner_is_gone, args=(command, stop_signal, grace_seconds), daemon=True
    ).start()
    status = command.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
