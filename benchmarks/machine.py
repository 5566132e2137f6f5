"""Describe the machine that a figure was measured on, in one line."""

import platform
from pathlib import Path

import faiss
import joblib


def describe() -> str:
    """Return processor, usable cores, memory, GPU and the versions that determine speed."""
    import torch  # 300 MiB, which would count as memory of what is measured

    told = [
        f"{_field('/proc/cpuinfo', 'model name') or platform.processor()}",
        f"{joblib.cpu_count()} cores",
        f"{int((_field('/proc/meminfo', 'MemTotal') or '0 kB').split()[0]) / 2**20:.0f} GiB",
        f"SIMD {torch.backends.cpu.get_cpu_capability()}",
        torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU",
        f"Python {platform.python_version()}, torch {torch.__version__}, faiss {faiss.__version__}",
    ]
    return ", ".join(told)


def _field(file: str, name: str) -> str:
    path = Path(file)
    lines = path.read_text().splitlines() if path.exists() else []
    found = [line.partition(":")[2].strip() for line in lines if line.startswith(name)]
    return found[0] if found else ""


if __name__ == "__main__":
    print(describe())
