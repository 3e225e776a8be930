"""Trainings on machines that fail; machines are network namespaces here, which takes root and iproute2."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from quick import ROOT
from torch.distributed.run import parse_args

from mmcrossformer.checkpoint import read_checkpoint

SETTINGS = """
train_cfg = dict(max_iters={iterations}, val_interval=1000)
default_hooks['checkpoint'] = dict(interval=2, max_keep_ckpts=1)
env_cfg = dict(dist_cfg=dict(timeout=10))
"""
DEADLINE = 300  # seconds; what hangs must not hang the tests
HOSTS = dict(first='10.77.0.1', second='10.77.0.2')


def ip(*args):
    subprocess.run(['ip', *args], check=True, capture_output=True)


@pytest.fixture
def hosts():
    """Two network namespaces with a cable between them; returns their names by role."""
    names = {role: f'mmcf{os.getpid()}{role}' for role in HOSTS}
    try:
        for name in names.values():
            ip('netns', 'add', name)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f'network namespaces cannot be made here: {error}')
    try:
        ip(
            '-n',
            names['first'],
            'link',
            'add',
            'cable',
            'type',
            'veth',
            'peer',
            'name',
            'cable',
            'netns',
            names['second'],
        )
        for role, name in names.items():
            ip('-n', name, 'address', 'add', f'{HOSTS[role]}/24', 'dev', 'cable')
            ip('-n', name, 'link', 'set', 'cable', 'up')
            ip('-n', name, 'link', 'set', 'lo', 'up')
        yield names
    finally:
        for name in names.values():
            kill_all(name)
            subprocess.run(['ip', 'netns', 'delete', name], check=False)


def kill_all(name):
    """What a power cut does to a machine."""
    found = subprocess.run(['ip', 'netns', 'pids', name], capture_output=True, text=True, check=True).stdout
    for pid in found.split():
        os.kill(int(pid), signal.SIGKILL)


def start(name, role, config, work_dir, *args, **env):
    """Starts tools/dist_train.sh with one process on a host."""
    command = ['ip', 'netns', 'exec', name, ROOT / 'tools' / 'dist_train.sh', config, '1']
    command += ['--work-dir', work_dir, '--seed', '0', '--no-check', *args]
    env |= dict(
        MASTER_ADDR=HOSTS['first'], PET_LOCAL_ADDR=HOSTS[role], GLOO_SOCKET_IFNAME='cable', PYTHON=sys.executable
    )
    env['RDZV_CONF'] = 'last_call_timeout=3,keep_alive_interval=2,keep_alive_max_attempt=3'
    log = work_dir.with_name(f'{role}.log').open('w')
    return subprocess.Popen([*map(str, command)], env=dict(os.environ, **env), stdout=log, stderr=log)


def wait_for(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f'no {what} in {DEADLINE} s'
        time.sleep(0.1)


@pytest.fixture
def lose_a_host(quick, hosts, tmp_path):
    """Trains on two hosts and lets the second one vanish in the middle; returns exit code and output of the first."""

    def lose(iterations, *args, **env):
        config, work_dir = quick('upernet_crossformer_t_digits'), tmp_path / 'run'
        config.write_text(config.read_text() + SETTINGS.format(iterations=iterations))
        work_dir.mkdir()
        jobs = {role: start(name, role, config, work_dir, *args, **env) for role, name in hosts.items()}
        log = tmp_path / 'first.log'
        wait_for(lambda: (work_dir / 'last_checkpoint').exists() or jobs['first'].poll() is not None, 'checkpoint')
        assert jobs['first'].poll() is None, log.read_text()[-3000:]
        # Without a last message over the cable.
        ip('-n', hosts['second'], 'link', 'set', 'cable', 'down')
        kill_all(hosts['second'])
        wait_for(lambda: jobs['first'].poll() is not None, 'end')
        return jobs['first'].returncode, log.read_text(), work_dir

    return lose


@pytest.mark.repetition
def test_a_job_that_loses_a_machine_ends(lose_a_host):
    code, printed, work_dir = lose_a_host(100_000, NNODES='2')
    assert code
    assert 'error: process 0 of 2 has lost the others' in printed
    assert 'Traceback (most recent call last):\n  File "' + str(ROOT) not in printed
    read_checkpoint(Path((work_dir / 'last_checkpoint').read_text()))


@pytest.mark.repetition
def test_an_elastic_job_goes_on_without_the_machine(lose_a_host):
    code, printed, work_dir = lose_a_host(100, '--resume', NNODES='1:2', MAX_RESTARTS='2')
    assert code == 0, printed[-3000:]
    assert 'error: process 0 of 2 has lost the others' in printed
    assert 'resumed epoch: 0, iter: ' in printed
    assert (work_dir / 'iter_100.pth').is_file()


FAKE_SRUN = """#!/usr/bin/env bash
# Runs its command once for each machine, here.
[ "$1" = --kill-on-bad-exit=1 ] && shift
"$@" & other=$!
"$@"
wait $other
"""


@pytest.fixture
def slurm(tmp_path):
    """Runs the script of a job on two machines, with a Slurm that starts both here."""
    commands = tmp_path / 'bin'
    commands.mkdir()

    def write(name, text):
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
        return commands / name

    def start(*args, python=sys.executable):
        write('srun', FAKE_SRUN)
        write('scontrol', '#!/usr/bin/env bash\nprintf "127.0.0.1\\nother\\n"\n')
        job = dict(NODELIST='node[1-2]', NUM_NODES='2', ID=str(os.getpid()))
        env = dict(os.environ, **{f'SLURM_JOB_{name}': value for name, value in job.items()})
        env |= dict(PATH=f'{commands}:{env["PATH"]}', PYTHON=str(python))
        env |= dict(SLURM_SUBMIT_DIR=str(ROOT), SLURM_GPUS_ON_NODE='1')
        command = ['bash', ROOT / 'tools' / 'slurm_train.sh', *args]
        result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=DEADLINE, check=False)
        assert result.returncode == 0, result.stderr[-3000:]
        return result.stdout

    return start


@pytest.mark.repetition
def test_slurm(slurm, quick, tmp_path):
    slurm(quick('upernet_crossformer_t_digits'), '--no-check', '--work-dir', tmp_path / 'run')
    assert read_checkpoint(tmp_path / 'run' / 'iter_2.pth')['meta']['provenance']['processes'] == 2


@pytest.fixture
def printer(tmp_path):
    """A Python that prints its arguments, one a line, without a line of another process between them."""
    path = tmp_path / 'python'
    program = "import os, sys; os.write(1, '\\n'.join([*sys.argv[1:], '']).encode())"
    path.write_text(f'#!/usr/bin/env bash\nexec {sys.executable} -S -c "{program}" "$@"\n')
    path.chmod(0o755)
    return path


def started(printed):
    """What torchrun makes of the arguments that were printed, and those of the program that it starts."""
    module, name, *words = printed.splitlines()
    assert (module, name) == ('-m', 'torch.distributed.run')
    args = parse_args(words)
    assert Path(args.training_script).name == 'train.py'
    return args, args.training_script_args


def test_what_torchrun_is_asked_for_on_one_machine(printer):
    command = ['bash', ROOT / 'tools/dist_train.sh', 'config.py', '8', '--amp']
    env = dict(os.environ, PYTHON=str(printer))
    args, rest = started(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
    assert (args.standalone, args.nproc_per_node, args.nnodes, args.max_restarts) == (True, '8', '1', 0)
    assert rest == ['config.py', '--launcher', 'pytorch', '--amp']


def test_what_torchrun_is_asked_for_on_machines_that_may_be_lost(printer):
    command = ['bash', ROOT / 'tools/dist_train.sh', 'config.py', '4', '--resume']
    env = dict(os.environ, PYTHON=str(printer), NNODES='1:4', MAX_RESTARTS='3', MASTER_ADDR='first', RDZV_CONF='a=1')
    args, rest = started(subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout)
    assert (args.standalone, args.nproc_per_node, args.nnodes, args.max_restarts) == (False, '4', '1:4', 3)
    assert (args.rdzv_backend, args.rdzv_endpoint, args.rdzv_conf) == ('c10d', 'first:29500', 'a=1')
    assert rest == ['config.py', '--launcher', 'pytorch', '--resume']


def test_what_torchrun_is_asked_for_by_slurm(slurm, printer):
    lines = slurm('config.py', '--work-dir', 'run', python=printer).splitlines()
    half = len(lines) // 2
    assert sorted(lines[:half]) == sorted(lines[half:])  # once for each machine
    args, rest = started('\n'.join(lines[:half]))
    assert (args.nnodes, args.nproc_per_node, args.rdzv_id) == ('2', '1', str(os.getpid()))
    assert args.rdzv_endpoint == f'127.0.0.1:{20000 + os.getpid() % 20000}'
    assert rest == ['config.py', '--launcher', 'pytorch', '--resume', '--work-dir', 'run']


@pytest.mark.parametrize(
    ('args', 'env', 'message'),
    [
        (['dist_train.sh', 'config.py'], {}, 'usage: '),
        (['dist_train.sh', 'config.py', '8'], dict(NNODES='2'), 'NNODES=2 needs MASTER_ADDR'),
        (['slurm_train.sh', 'config.py'], {}, 'usage: sbatch '),
    ],
)
def test_mistakes(args, env, message):
    env = dict(os.environ, **env)
    result = subprocess.run(
        ['bash', ROOT / 'tools' / args[0], *args[1:]], env=env, capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert message in result.stderr
