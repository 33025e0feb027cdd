"""dlt's side of the comparison, in the environment that has it:

    dlt_side.py FOLDER PARQUET URL csv|parquet append|upsert

The rows come as Arrow batches, which dlt takes without looking at each; it writes them as files of the form named, and loads those.
"""

import sys

import dlt
import pyarrow.parquet


def main(folder, path, url, form, job):
    def rows():
        yield from pyarrow.parquet.ParquetFile(path).iter_batches(batch_size=100_000)

    disposition = "append" if job == "append" else {"disposition": "merge", "strategy": "upsert"}
    resource = dlt.resource(
        rows, name=f"dlt_{job}_{form}", write_disposition=disposition, primary_key=None if job == "append" else "event_id",
        columns={"properties": {"data_type": "json"}})
    pipeline = dlt.pipeline("bench", pipelines_dir=folder, destination=dlt.destinations.postgres(url), dataset_name=f"dlt_{job}_{form}")
    pipeline.run(resource(), loader_file_format=form).raise_on_failed_jobs()


main(*sys.argv[1:])
