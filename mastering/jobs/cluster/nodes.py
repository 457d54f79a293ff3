"""The nodes of the cluster that can do our work, followed as they come and go; in the driver process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from mastering.errors import EnvironmentProblem
from mastering.jobs.cluster.messages import Node
from mastering.jobs.cluster.probe import DISTRIBUTION, Probe, prober

__all__ = ["Roll", "on_node"]

_LOOK_S = 1.0
_ANSWER_S = 60.0


class Roll:
    """Who is there, and who of them is fit.

    Args:
        ray: connected.
        probe: what each is asked first; its mark has to be laid.
        tell: called in another thread with a node's id and the future of its answer.
    """

    def __init__(self, ray: Any, probe: Probe, tell: Callable[[str, Any], None]) -> None:
        self._ray, self._probe, self._tell = ray, probe, tell
        self._look = ray.remote(prober())
        self._there: dict[str, Node] = {}
        self._asked_s: dict[str, float] = {}
        self._fit: set[str] = set()
        self._unfit: dict[str, EnvironmentProblem] = {}
        self._doubted: set[str] = set()
        self._looked_s = float("-inf")

    @property
    def asking(self) -> bool:
        """Some have not answered yet."""
        return bool(self._asked_s)

    @property
    def fit(self) -> tuple[Node, ...]:
        """Those that can do our work."""
        return tuple(node for id, node in self._there.items() if id in self._fit)

    @property
    def unfit(self) -> tuple[EnvironmentProblem, ...]:
        """Why the others cannot."""
        return tuple(problem for id, problem in self._unfit.items() if id in self._there)

    @property
    def doubted(self) -> frozenset[str]:
        """Ids of fit ones that may be gone: a worker there died, and they have not answered since."""
        return frozenset(self._doubted)

    def doubt(self, id: str) -> None:
        """A worker on this node has died: see if the node lives. Ray takes many seconds to say so."""
        if id in self._fit and id not in self._doubted:
            self._doubted.add(id)
            self._ask(id)

    def look(self) -> None:
        """See who is there, at most once in a second, and ask those that are new."""
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_S:
            return
        self._looked_s = now_s
        alive = [node for node in self._ray.nodes() if node["Alive"]]
        self._there = {node.id: node for node in map(_node, alive) if node.cpus > 0}
        self._doubted &= self._there.keys()
        known = (self._fit - self._doubted) | self._unfit.keys()
        for id in self._there.keys() - known - self._asked_s.keys():
            self._ask(id)
        for id, asked_s in list(self._asked_s.items()):
            if id not in self._there:
                del self._asked_s[id]
            elif now_s - asked_s > _ANSWER_S:
                self._judge(id, ("silent", f"within {_ANSWER_S:.0f} s"))

    def answered(self, id: str, future: Any) -> None:
        """A node has answered, or cannot."""
        if id not in self._asked_s or id not in self._there:
            return
        try:
            answer = future.result()
        except Exception as error:
            answer = ("silent", str(error).strip().partition("\n")[0])
        self._judge(id, answer)

    def _ask(self, id: str) -> None:
        self._asked_s[id] = time.monotonic()
        look = self._look.options(num_cpus=0, max_retries=0, scheduling_strategy=on_node(id))
        answer = look.remote(str(self._probe.mark), DISTRIBUTION)
        answer.future().add_done_callback(lambda future: self._tell(id, future))

    def _judge(self, id: str, answer: tuple[str, str]) -> None:
        self._asked_s.pop(id, None)
        problem = self._probe.reason(self._there[id].name, answer)
        if problem is None:
            self._fit.add(id)
            self._doubted.discard(id)
        elif id not in self._doubted:  # else it is asked again, until it answers or Ray knows that it is gone
            self._unfit[id] = problem


def on_node(id: str) -> Any:
    """Ray's strategy for exactly this node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node_id=id, soft=False)


def _node(known: dict[str, Any]) -> Node:
    has = known["Resources"]
    return Node(
        id=known["NodeID"],
        name=known["NodeManagerHostname"],
        cpus=int(has.get("CPU", 0)),
        gpus=int(has.get("GPU", 0)),
        memory_mb=int(has.get("memory", 0)) // 2**20,
    )
