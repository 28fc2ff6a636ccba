"""Each hour: judge what was collected, copy it, load it. A DAG for Airflow 3 (and 2.9 or newer).

Collecting is no task of it: `cryptopipe collect` is a service that runs all the time (systemd restarts it), and nothing
here can touch it. This file goes into the DAGs' folder of a machine that sees the data directory; the variables below
are set in the environment of Airflow's workers.

A task fails with the exit code of its command, whose last lines are in the task's log. Upload and load run whatever the
checks found, since they take nothing that did not pass; `all_well` fails with any of the three, and so does the run.
"""

import os
import shlex
from datetime import UTC, datetime, timedelta

try:
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.operators.bash import BashOperator
    from airflow.operators.empty import EmptyOperator

PROGRAM = os.environ.get("CRYPTOPIPE", "cryptopipe")
DATA_DIR = os.environ.get("CRYPTOPIPE_DATA_DIR", "/var/lib/cryptopipe")
STORE = os.environ.get("COLLECTED_STORE", "s3://bucket/crypto")  # its key: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
DATABASE = os.environ.get(
    "COLLECTED_DATABASE", "duckdb:////var/lib/cryptopipe/market.duckdb"
)  # its password: PGPASSWORD


def command(name: str, *arguments: str) -> str:
    """A line for the shell; every word is one word."""
    return shlex.join([PROGRAM, name, *arguments, "--data-dir", DATA_DIR])


with DAG(
    dag_id="cryptopipe_collected",
    description="qa, upload and load what was collected",
    schedule="10 * * * *",  # an hour's files are sealed when the next one begins
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,  # each run takes all that is there, so a missed one needs no repetition
    max_active_runs=1,
    default_args={
        "retries": 2,  # 69 and 75 are passing; the commands go on where they were
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(minutes=50),
    },
    tags=["cryptopipe"],
):
    qa = BashOperator(task_id="qa", bash_command=command("qa"), retries=0)
    upload = BashOperator(task_id="upload", bash_command=command("upload", "--to", STORE), trigger_rule="all_done")
    load = BashOperator(task_id="load", bash_command=command("load", "--to", DATABASE), trigger_rule="all_done")
    all_well = EmptyOperator(task_id="all_well")

    qa >> upload >> load
    [qa, upload, load] >> all_well
