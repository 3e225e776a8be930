"""Programs end in a fork as they end in a fresh interpreter."""

import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from preloaded import AVAILABLE, Preloaded

pytestmark = pytest.mark.skipif(not AVAILABLE, reason='forks are used on Linux alone')

ENDINGS = dict(
    quiet='',
    code='sys.exit(3)',
    message="sys.exit('what went wrong')",
    argparse='import argparse; argparse.ArgumentParser().parse_args()',
    error="raise RuntimeError('unforeseen')",
    interrupt='raise KeyboardInterrupt',
    signal='os.kill(os.getpid(), signal.SIGSEGV)',
    at_once="print('lost in a buffer'); os._exit(4)",
    thread="threading.Thread(target=lambda: (time.sleep(0.2), print('the last thread'))).start()",
    order="print('first', flush=True); os.system('echo second; echo aside >&2'); print('third', file=sys.stderr)",
)
PROGRAM = """
import atexit, json, os, signal, sys, threading, time
atexit.register(print, 'at exit')
print(json.dumps([__name__, __file__, sys.argv, sys.path[0], os.getcwd(), os.environ['MARK'], sys.stdin.read()]))
print([name for name in sys.modules if name.startswith('mmcrossformer')], threading.active_count())
print(sys.modules['__main__'].__file__, sys.stdout.isatty())
"""


@pytest.fixture(scope='module')
def bare():
    """Forks of an interpreter that imports nothing."""
    preloaded = Preloaded([])
    yield preloaded
    preloaded.stop()


@pytest.mark.parametrize('ending', ENDINGS)
def test_ends_as_in_a_fresh_interpreter(bare, ending, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program, args, env = tmp_path / 'program.py', ['--flag', 'ä b'], dict(os.environ, MARK=ending)
    program.write_text(PROGRAM + ENDINGS[ending])
    command = [sys.executable, str(program), *args]
    expected = subprocess.run(
        command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )
    found = bare.run(program, args, env, 60)
    assert (found.args, found.returncode, found.stdout) == (command, expected.returncode, expected.stdout)
    # A traceback begins with the calls that lead to the program.
    assert without_calls(found.stderr) == without_calls(expected.stderr)


def without_calls(text):
    return [line for line in text.splitlines() if not line.startswith('  ')]


def test_no_program_sees_another(tmp_path):
    preloaded = Preloaded(['numpy', 'torch', 'mmengine.registry'])
    program = tmp_path / 'program.py'
    program.write_text(
        textwrap.dedent("""
            import os, random, sys
            import numpy, torch
            from mmengine.registry import DefaultScope
            print(hasattr(torch, 'mark'), DefaultScope.get_current_instance(), torch.rand(1).item(), os.listdir('.'))
            torch.mark = True
            DefaultScope.get_instance('mark', scope_name='mmdet')
            print(random.random(), numpy.random.rand(), file=sys.stderr)
        """)
    )
    one, two = (preloaded.run(program, [], dict(os.environ), 600) for _ in range(2))
    preloaded.stop()
    assert one.stdout.startswith('False None')
    assert one.stdout == two.stdout  # torch starts with one seed
    assert all(a != b for a, b in zip(one.stderr.split(), two.stderr.split(), strict=True))  # the others do not


def alive(pid):
    try:
        return 'zombie' not in Path('/proc', pid, 'status').read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_hanging_program_is_killed_with_its_children(bare, tmp_path):
    program = tmp_path / 'program.py'
    program.write_text(
        'import os, subprocess, sys, time\n'
        "child = subprocess.Popen(['sleep', '1000'])\n"
        'print(os.getpid(), child.pid, flush=True)\n'
        'time.sleep(1000)\n'
    )
    with pytest.raises(subprocess.TimeoutExpired) as stopped:
        bare.run(program, [], dict(os.environ), 5)
    pids = stopped.value.output.split()
    assert len(pids) == 2
    late = time.monotonic() + 60
    while any(map(alive, pids)):
        assert time.monotonic() < late
        time.sleep(0.1)
    program.write_text("print('next')")
    assert bare.run(program, [], dict(os.environ), 60).stdout == 'next\n'
