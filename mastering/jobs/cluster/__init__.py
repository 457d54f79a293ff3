"""Attempts in a Ray cluster: one that is there already, or one of this machine alone.

Ray is spoken to by a process of its own, the driver: what Ray prints, and that it ends its process when a
cluster is lost, does not concern the program. Only that process and the nodes import Ray.

lanes       RayLanes: the executor, in the program
link        the driver process, seen from the program
messages    values, and what the two say to each other
session     the folder of a cluster of our own
driver      body of the driver process
nodes       who is in the cluster, and who of them is fit
connect     joining or starting a cluster, and why that did not work
probe       whether a node can do our work at all
seats       which worker on which node takes what comes next
"""
