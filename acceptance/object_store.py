"""S3 as moto speaks it, as a process of its own on a free port of this machine; boto3 is who looks at what came."""

import json
import os
import socket
import subprocess
import sys
import time

import boto3
import botocore.config


class ObjectStore:
    def __init__(self, bucket="lake"):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.bucket = bucket
        # Everybody may do this much; from then on signatures are checked.
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            env={**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "3"}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        for _ in range(600):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1):
                    break
            except OSError:
                assert self.process.poll() is None, "moto ended"
                time.sleep(0.1)
        people = self._client("iam", "nobody", "nothing")
        people.create_user(UserName="sluice")
        key = people.create_access_key(UserName="sluice")["AccessKey"]
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        people.put_user_policy(UserName="sluice", PolicyName="all", PolicyDocument=json.dumps(everything))
        self.access_key, self.secret_key = key["AccessKeyId"], key["SecretAccessKey"]
        self.client = self._client("s3", self.access_key, self.secret_key)
        self.client.create_bucket(Bucket=bucket)

    def _client(self, service, access_key, secret_key):
        return boto3.client(
            service, endpoint_url=self.url, aws_access_key_id=access_key, aws_secret_access_key=secret_key,
            region_name="us-east-1", config=botocore.config.Config(retries={"max_attempts": 1}))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def keys(self, prefix=""):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", []))

    def get(self, key):
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def json(self, key):
        return json.loads(self.get(key))

    def uploads(self):
        return self.client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])

    def remove(self):
        self.process.kill()
        self.process.wait()
