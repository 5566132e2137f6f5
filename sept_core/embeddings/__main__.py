"""`python -m sept_core.embeddings JOB_FOLDER`."""

from sept_core import jobfolder
from sept_core.embeddings import worker

if __name__ == "__main__":
    jobfolder.run(worker.main)
