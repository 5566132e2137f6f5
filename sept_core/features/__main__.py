"""`python -m sept_core.features JOB_FOLDER`."""

from sept_core.features import worker
from sept_core.jobs import job_folder

if __name__ == "__main__":
    job_folder.run(worker.main)
