"""The next step of a project, from its status. Pure."""

from dataclasses import dataclass

from sept_core.services.project.project_status import ProjectStatus


@dataclass(frozen=True)
class NextStep:
    """The step to take next.

    Attributes:
        page: title of the page to go to; Overview if the project only has to wait.
        sentence: the step and its reason.
        label: of the button that goes there.
    """

    page: str
    sentence: str
    label: str = ""


def next_step(status: ProjectStatus) -> NextStep:
    """Return the next step."""
    chosen = status.selections
    if not status.sources:
        return NextStep("Pool", "Add a source of images to the pool.", "Add a source")
    if not status.targets:
        sentence = "Add a target set: a few images of what you care about."
        return NextStep("Targets", sentence, "Add a target set")
    if status.jobs:
        title = status.jobs[0].title
        return NextStep("Overview", f"{title} is running; you can close the app meanwhile.")
    if status.waiting or not status.encoders:
        sentence = f"Embed the images: {status.waiting:,} files have not been read yet."
        return NextStep("Pool", sentence, "Embed images")
    if not chosen:
        return NextStep("Curate", "Select a subset of the pool for a target set.", "Curate")
    if all(record["older_than_pool"] for record in chosen):
        sentence = "The pool has changed since the latest selection; save a new one."
        return NextStep("Curate", sentence, "Update selection")
    if not status.decisions:
        sentence = "Review the selection: keep what is right and veto what is wrong."
        return NextStep("Curate", sentence, "Review selection")
    if not status.runs:
        sentence = "Pre-train on the selection or export it; you can review more at any time."
        return NextStep("Pre-train", sentence, "Pre-train")
    if not status.evaluations:
        return NextStep("Evaluate", "Evaluate the runs on your target set.", "Evaluate")
    sentence = "Refine the selection where the evaluation is weak, then compare again."
    return NextStep("Curate", sentence, "Refine selection")
