"""How a DAG does the platform's work: one `flights` command per task, run in the platform's own environment.

Airflow's environment holds none of the platform's packages and the DAGs no logic of its own, so that Dagster
and Airflow cannot differ. The command reads the platform's settings (`FLIGHTS_…`) from Airflow's environment
or from the `.env` of the checkout.
"""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.hooks.subprocess import SubprocessHook
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException

if TYPE_CHECKING:
    from airflow.sdk import Context

# The command of this checkout's environment, unless FLIGHTS_EXECUTABLE names another.
EXECUTABLE = os.environ.get(
    "FLIGHTS_EXECUTABLE", str(Path(__file__).resolve().parents[3] / ".venv/bin/flights")
)
TELL_TIMEOUT_S = 60
SUMMARY_LENGTH = 500

# The DAGs do not catch up: what was missed waits in the topic or in MongoDB, and the next run takes it.
START = datetime(2026, 1, 1, tzinfo=UTC)


class FlightsOperator(BaseOperator):
    """Runs `flights` with these words; its lines go to the task's log.

    Returns the last line that the command printed. A command that fails fails the task with that line, which
    is its one sentence of a reason. When Airflow ends the task it ends the command: whatever that was doing,
    the next run goes on from there.
    """

    ui_color = "#dbe9f6"

    def __init__(self, *, words: list[str], **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.words = words
        self.hook = SubprocessHook()

    def execute(self, context: Context) -> str:
        """Run the command to its end. Raises AirflowException with the command's reason."""
        done = self.hook.run_command([EXECUTABLE, *self.words])
        if done.exit_code:
            raise AirflowException(
                done.output or f"flights {' '.join(self.words)} ended with exit code {done.exit_code}"
            )
        return str(done.output)

    def on_kill(self) -> None:
        """End the command with the task."""
        self.hook.send_sigterm()  # type: ignore[no-untyped-call]


def tell_of_failure(context: Context) -> None:
    """Tell the platform's own alert sinks (log, webhook, e-mail) of a task whose last try has failed.

    Raises:
        subprocess.CalledProcessError: a sink could not be reached; Airflow logs it with the task.
    """
    task = context["ti"]
    where = {"dag": task.dag_id, "task": task.task_id}
    labels = [word for name, value in where.items() for word in ("--label", f"{name}={value}")]
    summary = f"{task.dag_id}.{task.task_id} failed in Airflow: {context.get('exception')}"[:SUMMARY_LENGTH]
    remedy = "mend the cause that the sentence names; the next run goes on from where this one stopped"
    words = ["alerts", "tell", "AirflowTaskFailed", "--summary", summary, "--remedy", remedy, *labels]
    subprocess.run([EXECUTABLE, *words], check=True, timeout=TELL_TIMEOUT_S)  # noqa: S603 - no shell, and the words are one argument each


# Three more tries after 30 s, 1 min and 2 min: a store that restarts is back by then.
RETRIED = {
    "owner": "flight-data",
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "on_failure_callback": tell_of_failure,
}
