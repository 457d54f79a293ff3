"""A Ray cluster of several nodes on this machine, for the tests, in a process of its own.

python -m tests.jobs.contract.cluster_process FOLDER

Says its address. Then each line it reads is a command: "add" starts a second node, which has a GPU as far as
Ray is concerned; "kill" ends that node's processes with SIGKILL. It answers "done". It ends, with the
cluster, when its input does. The token is in the environment.
"""

from __future__ import annotations

import os
import sys

_NODE = {"num_cpus": 2, "num_gpus": 0, "object_store_memory": 80_000_000, "include_dashboard": False}


def main(folder: str) -> None:
    """Start it, and do what is said."""
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # loopback only
    os.environ["RAY_TMPDIR"] = folder
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=_NODE)
    second = None
    _say(cluster.address)
    for line in sys.stdin:
        if line.strip() == "add":
            second = cluster.add_node(**{**_NODE, "num_gpus": 1})
        elif second is not None:
            cluster.remove_node(second, allow_graceful=False)
        _say("done")
    cluster.shutdown()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
