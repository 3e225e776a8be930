"""Runs Python programs in processes that have libraries imported already.

Importing torch and the host libraries takes longer than most of what the tests run. A `Preloaded` starts one clean
interpreter, which imports them, runs nothing and waits. For each program it forks, and the fork becomes that program:
it gets the arguments, folder, environment and streams, runs the file as `__main__` and then ends as every interpreter
does. So exit codes, tracebacks, signals and handlers at exit are the interpreter's own, and no program sees what
another one did.

What differs from a fresh interpreter: the libraries are imported before the environment of the program is set, what
they print meanwhile is not captured, and all forks share one seed of `hash`. What is about such things belongs into a
fresh interpreter.
"""

import atexit
import contextlib
import gc
import importlib
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

AVAILABLE = sys.platform == 'linux'  # elsewhere libraries may break in a fork, or there is none


class Preloaded:
    """Runs programs in forks of one interpreter, which is started when it is first needed."""

    def __init__(self, libraries):
        self.libraries = libraries
        self._server = self._connection = None
        atexit.register(self.stop)

    def run(self, program, args, env, timeout):
        """Like `subprocess.run([sys.executable, program, *args], env=env, capture_output=True, text=True)`."""
        command = [sys.executable, str(program), *args]
        if self._server is None:
            self._start()
        with tempfile.TemporaryDirectory() as folder:
            stdout, stderr = Path(folder, 'stdout'), Path(folder, 'stderr')
            stdout.touch()
            stderr.touch()
            try:
                self._connection.send((command[1:], os.getcwd(), env, str(stdout), str(stderr)))
                if not self._connection.poll(timeout):
                    raise subprocess.TimeoutExpired(command, timeout, stdout.read_text(), stderr.read_text())
                returncode = self._connection.recv()
            except BaseException:  # out of time, interrupted, or the server died
                self.stop()
                raise
            return subprocess.CompletedProcess(command, returncode, stdout.read_text(), stderr.read_text())

    def stop(self):
        """Kills the interpreter and every fork that still runs."""
        if self._server is not None:
            self._connection.close()
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
            self._server = self._connection = None

    def _start(self):
        self._connection, theirs = Pipe()
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno()), *self.libraries]
            streams = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            # In a session of its own, to be killed with all its forks. It ends when our end of the pipe closes.
            self._server = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True, **streams)


def serve(connection, libraries):
    """Answers with exit codes until the other side is gone; returns in forks alone, with the program to run."""
    atexit.register(leave)  # before the libraries, to be called after all that they register
    for name in libraries:
        with contextlib.suppress(ImportError):  # a program that needs it will tell
            importlib.import_module(name)
    sys.stdout.flush()  # or every fork would write what is left in it
    gc.freeze()  # collections in forks pass over what the libraries made, which stays shared
    while True:
        try:
            program, *job = connection.recv()
        except EOFError:
            sys.exit()
        child = os.fork()
        if not child:
            connection.close()
            enter(*job)
            return program
        connection.send(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def enter(folder, env, stdout, stderr):
    """Gives this fork the folder, environment and streams of its program."""
    for stream, path in ((1, stdout), (2, stderr)):
        file = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(file, stream)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    if 'numpy' in sys.modules:
        sys.modules['numpy'].random.seed()  # each from the system, as `random` does it by itself


def become(path):
    """Runs a program in this fork, and notes its exit code."""
    global exit_code
    sys.path[0] = str(Path(path).parent)
    try:
        runpy.run_path(path, run_name='__main__')
    except SystemExit as stopped:
        exit_code = stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
        raise
    except KeyboardInterrupt:
        atexit.unregister(leave)  # the interpreter ends with a signal, not with a code
        raise
    except BaseException:
        exit_code = 1
        raise


def leave():
    """Ends this process when the handlers at exit have run: to take all modules apart would last half a second."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)


exit_code = 0

if __name__ == '__main__':
    sys.argv = serve(Connection(int(sys.argv[1])), sys.argv[2:])
    become(sys.argv[0])
