"""A SLURM of one node on loopback: munged, slurmctld and slurmd of this user, in a folder of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from getpass import getuser
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol", "sinfo", "setpriv")
PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
PARTITION = "main"
SECONDS_TO_START = 60.0
# Every daemon listens on loopback alone and keeps everything in its folder. Nothing is accounted for, so jobs are
# asked about with squeue; two cores are offered as four, so that jobs which mostly start Python run side by side.
CONFIGURATION = """
ClusterName=loopback
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={control_port}
SlurmdPort={node_port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
ReturnToService=2
MinJobAge=3600
KillWait=30
PropagateResourceLimits=NONE
MailProg=/bin/true
NodeName=localhost NodeAddr=127.0.0.1 CPUs=4 RealMemory=64000 State=UNKNOWN
PartitionName={partition} Nodes=localhost Default=YES MaxTime=1440 State=UP DefMemPerCPU=100
"""


@dataclass(frozen=True)
class Slurm:
    """A SLURM that runs."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to find it. The plugin clears ``SLURM_CONF`` before ``srun``, which sets it again."""
        return {"PATH": f"{self.folder / 'bin'}:{PATH}", "SLURM_CONF": str(self.folder / "slurm.conf")}

    def run(self, *command: str) -> str:
        """What a command of SLURM says."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def running(self) -> list[str]:
        """The ids of the jobs that run or wait."""
        return self.run("squeue", "--noheader", "--format=%A").split()


def missing_programs() -> list[str]:
    """Those without which there is no SLURM here."""
    return [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]


@contextmanager
def loopback_slurm(folder: Path) -> Iterator[Slurm]:
    """SLURM for as long as the block lasts. ``folder`` needs a short path: a socket's has at most 107 characters."""
    slurm = Slurm(folder)
    _configure(folder)
    with ExitStack() as daemons:
        munge = folder / "munge"
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        options = [f"--{option}={munge / name}" for option, name in files.items()]
        # It wants folders that everyone can enter, up to the root; here all programs are of one user.
        daemons.enter_context(_daemon(slurm, "munged", "--foreground", "--force", *options))
        _wait_for((munge / "socket").exists, folder)
        daemons.enter_context(_daemon(slurm, "slurmctld", "-D", "-c"))
        daemons.enter_context(_daemon(slurm, "slurmd", "-D", "-N", "localhost"))
        daemons.callback(_end_stepds, slurm)
        _wait_for(lambda: _node_state(slurm) == "idle", folder)
        try:
            yield slurm
        finally:
            slurm.run("scancel", "--user", getuser())
            _wait_for(lambda: not slurm.running(), folder)


def _configure(folder: Path) -> None:
    for name in ("state", "spool", "munge", "bin"):
        (folder / name).mkdir()
    (folder / "munge").chmod(0o711)
    (folder / "munge/key").write_bytes(os.urandom(128))
    (folder / "munge/key").chmod(0o600)
    with socket.socket() as first, socket.socket() as second:
        for one in (first, second):
            one.bind(("127.0.0.1", 0))
        ports = {"control_port": first.getsockname()[1], "node_port": second.getsockname()[1]}
    text = CONFIGURATION.format(folder=folder, user=getuser(), partition=PARTITION, **ports)
    (folder / "slurm.conf").write_text(text, encoding="utf-8")
    srun = folder / "bin/srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {shutil.which("srun", path=PATH)} "$@"\n')
    srun.chmod(0o755)


@contextmanager
def _daemon(slurm: Slurm, program: str, *options: str) -> Iterator[None]:
    """A program in the background, which ends with the block, and with this process however that ends."""
    with (slurm.folder / f"{program}.log").open("wb") as log:
        command = ["setpriv", "--pdeathsig", "TERM", program, *options]
        process = subprocess.Popen(command, env=slurm.environment, stdout=log, stderr=log, start_new_session=True)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


def _node_state(slurm: Slurm) -> str:
    asked = subprocess.run(["sinfo", "-h", "-N", "-o", "%T"], env=slurm.environment, capture_output=True, text=True)
    return asked.stdout.strip()


def _wait_for(condition: Callable[[], object], folder: Path) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while not condition():
        logs = "\n".join(f"{path.name}:\n{path.read_text(errors='replace')}" for path in folder.glob("*.log"))
        assert time.monotonic() < end, logs
        time.sleep(0.1)


def _end_stepds(slurm: Slurm) -> None:
    """A slurmstepd can outlive its slurmd: it is known by the configuration in its environment."""
    mark = f"SLURM_CONF={slurm.folder / 'slurm.conf'}".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            ours = mark in (process / "environ").read_bytes().split(b"\0")
            if ours and (process / "comm").read_text().strip() == "slurmstepd":
                os.kill(int(process.name), signal.SIGKILL)
