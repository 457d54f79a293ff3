"""Jobs that survive: work recorded before it starts, run in processes of its own, done once.

model       Job, Outcome, Kind, Limits: values
kinds       Kinds: requests by name, their key, and where their code is
journal     the files an attempt makes, so that one that died can be undone
worker      body of a worker process
executor    Executor: the port behind which attempts are made
lanes       Lanes: worker processes on this machine, warm and killable, so many for each lane
cluster     RayLanes: workers in a Ray cluster
machine     what this machine has: memory and GPUs
locks       a lock that its process's death lets go of
tables      the schema and what a row means
store       JobStore: the records, and the queue entry in the same transaction
queue       Queue: the only importer of DBOS, which hands out what is queued
owners      which processes that work on jobs are alive
attempt     one attempt at a job, and what follows from it
service     Jobs: submit, get, list, wait, cancel, retry, clear, run
place       where the database and the journals are
"""
