"""`python3 -m tests.ci.bucket BUCKET PREFIX [FOLDER]`: fail unless the prefix holds what the folder holds.

Without a folder it must be empty. Uses the AWS variables of the environment.
"""

from __future__ import annotations

import sys
from pathlib import Path

import boto3


def main() -> None:
    bucket, prefix, *folder = sys.argv[1:]
    client = boto3.client("s3")
    listed = client.list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/").get("Contents", [])
    found = {
        entry["Key"].removeprefix(f"{prefix}/"): client.get_object(Bucket=bucket, Key=entry["Key"])[
            "Body"
        ].read()
        for entry in listed
    }
    here = Path(*folder) if folder else None
    files = [path for path in here.rglob("*") if path.is_file()] if here else []
    expected = {path.relative_to(here).as_posix(): path.read_bytes() for path in files} if here else {}
    if found != expected:
        wrong = sorted(
            name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name)
        )
        sys.exit(f"s3://{bucket}/{prefix} is not as it should be: {', '.join(wrong)}")
    print(f"s3://{bucket}/{prefix}: {len(found)} objects, all as expected")


if __name__ == "__main__":
    main()
