"""Draw the demo's data as a background job: `python -m sept_core.demo JOB_FOLDER`."""

from pathlib import Path
from typing import Any

from sept_core.demo import dataset
from sept_core.jobs import job_folder
from sept_core.jobs.job_folder import JobFolder


def main(job: JobFolder) -> dict[str, Any]:
    """Settings: folder, seed, scale. Result: the pool's counts."""
    settings = job.settings()
    return dict(
        dataset.draw(
            Path(settings["folder"]),
            settings["seed"],
            scale=settings["scale"],
            progress=lambda done, total: job.progress(done, total, "pictures"),
        )
    )


if __name__ == "__main__":
    job_folder.run(main)
