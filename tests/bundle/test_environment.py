"""Environments by the real uv: built once, shared, read-only, honest about what can't be had."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mainspring.bundle import CogConfig, Environments
from mainspring.core.errors import BundleError


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "predict.py").write_text("")
    return tmp_path


def config(**given: object) -> CogConfig:
    return CogConfig(predict="predict.py", **given)  # type: ignore[arg-type]


async def test_builds_once_for_all(root: Path, source: Path) -> None:
    lines: list[str] = []
    environments = Environments(root)
    made = await asyncio.gather(
        *(environments.ensure(config(), source, lines.append) for _ in range(3)),
        environments.ensure(config(python_packages=("cog",)), source, lines.append),
    )
    assert len({each.path for each in made}) == 1
    assert len([line for line in lines if line.startswith("Installed")]) == 1
    assert len([line for line in lines if line.startswith("Resolved")]) == 1
    assert any("ready after" in line for line in lines)

    one = made[0]
    assert one.path == root / "envs" / one.digest
    assert one.python_version == ".".join(map(str, sys.version_info[:3]))
    assert one.cog_version == "0.23.1"
    assert "--hash=sha256:" in one.lock_text
    code = "import cog, coglet, sys; print(cog.__file__, sys.prefix)"
    shown = subprocess.run([one.python, "-c", code], capture_output=True, text=True, check=True)
    file, prefix = shown.stdout.split()
    assert Path(prefix) == one.path
    assert Path(file).is_relative_to(one.path)
    assert list(Path(file).parent.glob("__pycache__/*.pyc"))
    script = (one.path / "bin" / "normalizer").read_text()
    assert ".building-" not in script
    for path in (one.path, Path(file), Path(file).parent):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o222

    said = len(lines)
    again = await Environments(root).ensure(config(), source, lines.append)
    assert again == one
    assert lines[said:] == ["The environment is here already"]
    assert [path.name for path in (root / "envs").iterdir()] == [one.digest]


async def test_requirements_with_options_and_local_packages(root: Path, source: Path) -> None:
    package = source / "vendor" / "tiny"
    package.mkdir(parents=True)
    (package / "pyproject.toml").write_text('[project]\nname = "tiny"\nversion = "1.2"\n')
    (package / "tiny.py").write_text("WHO = 'first'\n")
    (source / "wheels").mkdir()
    more = source / "reqs" / "more.txt"
    more.parent.mkdir()
    more.write_text("idna<=3.7  # old on purpose\n-c limits.txt\n")
    (source / "reqs" / "limits.txt").write_text("idna<3.7\n")
    (source / "requirements.txt").write_text(
        "--find-links ./wheels\n--trusted-host wheels.example\n--prefer-binary\n-r reqs/more.txt\n"
        "-e ./vendor/tiny\ncog\ncertifi \\\n  >= 2024 --only-binary certifi\n"
    )
    lines: list[str] = []
    wanted = config(python_requirements="requirements.txt")
    one = await Environments(root).ensure(wanted, source, lines.append)
    assert "idna==3.6" in one.lock_text
    assert any("--prefer-binary has no meaning" in line for line in lines)
    code = "import tiny; print(tiny.WHO, tiny.__file__)"
    shown = subprocess.run([one.python, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    who, file = shown.stdout.split()
    assert who == "first"
    assert Path(file).is_relative_to(one.path)

    (package / "tiny.py").write_text("WHO = 'second'\n")
    two = await Environments(root).ensure(wanted, source, lines.append)
    assert two.digest != one.digest
    shown = subprocess.run([two.python, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert shown.stdout.startswith("second")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"python_packages": ("idna==3.7", "idna==3.6")}, ["idna==3.7", "unsatisfiable"]),
        ({"python_packages": ("cog==0.8.6",)}, ["cog 0.8.6", "0.21 to 0.23"]),
        ({"python_packages": ("idna==${SECRET}",)}, ["entry 1 of `python_packages`", "environment variable"]),
        ({"python_packages": ("--bogus x",)}, ["--bogus is not supported"]),
        ({"system_packages": ("no-such-library9", "bash")}, ["(apt-get install no-such-library9)"]),
        ({"commands": ("echo hello", "make all")}, ["make all", "image of its own"]),
    ],
)
async def test_what_cannot_be_had(
    root: Path, source: Path, given: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(BundleError) as raised:
        await Environments(root).ensure(config(**given), source, lambda _: None)
    assert all(word in str(raised.value) for word in words), raised.value
    assert "echo hello" not in str(raised.value)
    assert not list((root / "locks").glob(".*"))


async def test_a_requirement_file_outside(root: Path, source: Path) -> None:
    (source / "requirements.txt").write_text("idna\n-r ../../etc/passwd\n")
    with pytest.raises(BundleError, match=r"requirements.txt names ../../etc/passwd"):
        await Environments(root).ensure(
            config(python_requirements="requirements.txt"), source, lambda _: None
        )


async def test_pythons(root: Path, source: Path, tmp_path: Path) -> None:
    mine = f"3.{sys.version_info.minor}"
    with pytest.raises(BundleError, match=rf"asks for Python 3.99.*here are .*\b{mine}\b"):
        await Environments(root).ensure(config(python_version="3.99"), source, lambda _: None)
    pretender = tmp_path / "python3.99"
    pretender.symlink_to(sys.executable)
    configured = Environments(root, {"3.99": str(pretender)})
    with pytest.raises(BundleError, match=r"asks for Python 3\.99"):
        await configured.ensure(config(python_version="3.99"), source, lambda _: None)
    lines: list[str] = []
    near = await Environments(root).ensure(config(python_version=f"{mine}.99"), source, lines.append)
    assert near.python_version.startswith(f"{mine}.")
    assert f"Python {mine}.99 is not here" in lines[0]


@pytest.fixture
def slow_index(source: Path) -> str:
    """A package whose build hangs, and the file in which it leaves its pid."""
    package = source / "hang"
    package.mkdir()
    (package / "pyproject.toml").write_text(
        '[project]\nname = "hang"\nversion = "1"\n[build-system]\nrequires = []\n'
        'build-backend = "backend"\nbackend-path = ["."]\n'
    )
    (package / "backend.py").write_text(
        "import os, pathlib, time\n"
        "def prepare_metadata_for_build_wheel(*a, **k):\n"
        "    seen = sorted(k for k in os.environ if 'MAINSPRING' in k)\n"
        "    pathlib.Path('../pid.part').write_text(f'{os.getpid()} {seen}')\n"
        "    os.rename('../pid.part', '../pid')\n"
        "    time.sleep(60)\n"
        "build_wheel = prepare_metadata_for_build_wheel\n"
    )
    return str(source / "pid")


async def gone(pid: int) -> None:
    """Until the process is gone or a zombie of somebody else."""
    async with asyncio.timeout(30):
        while True:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                return
            if state == "Z":
                return
            await asyncio.sleep(0.01)


async def written(file: str) -> tuple[int, str]:
    async with asyncio.timeout(30):
        while not os.path.exists(file):
            await asyncio.sleep(0.01)
    pid, _, seen = Path(file).read_text().partition(" ")
    return int(pid), seen


async def test_cancel_and_time_limit_end_the_build(
    root: Path, source: Path, slow_index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAINSPRING_TOKEN", "ms_secret")
    wanted = config(python_packages=("./hang",))
    task = asyncio.create_task(Environments(root).ensure(wanted, source, lambda _: None))
    pid, seen = await written(slow_index)
    assert seen == "[]"
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(pid)
    os.unlink(slow_index)
    with pytest.raises(BundleError, match="took longer than 5 s"):
        await Environments(root, timeout_s=5).ensure(wanted, source, lambda _: None)
    await gone((await written(slow_index))[0])


async def test_uv_dies_with_us(root: Path, source: Path, slow_index: str) -> None:
    code = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom mainspring.bundle import CogConfig, Environments\n"
        "wanted = CogConfig(predict='predict.py', python_packages=('./hang',))\n"
        "asyncio.run(Environments(Path(sys.argv[1])).ensure(wanted, Path(sys.argv[2]), print))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, root, source], stdout=subprocess.DEVNULL)
    await written(slow_index)
    [uv] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(signal.SIGKILL)
    process.wait()
    await gone(int(uv))
    assert list((root / "envs").glob(".building-*"))
    assert await Environments(root).sweep() >= 1


async def test_sweep_removes_what_a_crash_left(root: Path, source: Path) -> None:
    environments = Environments(root)
    kept = await environments.ensure(config(), source, lambda _: None)
    await environments.sweep()
    dead = subprocess.Popen(["true"])
    dead.wait()
    other = subprocess.Popen(["sleep", "60"])
    try:
        for pid in (dead.pid, os.getpid(), other.pid):
            left = root / "envs" / f".building-{pid}-x"
            (left / "lib").mkdir(parents=True)
            (left / "lib" / "file").write_text("")
            (left / "lib").chmod(0o555)
        assert await environments.sweep() == 2
        assert sorted(path.name for path in (root / "envs").glob(".b*")) == [f".building-{other.pid}-x"]
    finally:
        other.kill()
        other.wait()
    assert await environments.sweep() == 1
    assert kept.python.exists()
    await environments.remove(kept.digest)
    assert not kept.path.exists()


async def test_a_package_without_its_dependencies(root: Path, source: Path) -> None:
    wanted = config(commands=("pip install --no-deps httpcore==1.0.9",))
    made = await Environments(root).ensure(wanted, source, lambda _: None)
    assert "httpcore==1.0.9 " in made.lock_text
    assert "h11" not in made.lock_text
    assert "\ncog==" in f"\n{made.lock_text}"
    found = [each.name for each in (made.path / "lib").glob("python*/site-packages/h*")]
    assert sorted(found) == ["httpcore", "httpcore-1.0.9.dist-info"]


@pytest.mark.parametrize(
    "command",
    [
        "pip install --no-deps httpcore",
        "pip install httpcore==1.0.9",
        "pip install --no-deps httpcore==1.0.9 && touch /tmp/x",
        "pip install --no-deps --index-url http://127.0.0.1/ httpcore==1.0.9",
        "pip install --no-deps httpcore==1.0.9\ntouch /tmp/x",
    ],
)
async def test_other_installs_are_refused_like_any_command(command: str, root: Path, source: Path) -> None:
    with pytest.raises(BundleError, match="wants commands run"):
        await Environments(root).ensure(config(commands=(command,)), source, lambda _: None)
